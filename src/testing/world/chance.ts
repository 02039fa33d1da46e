/** In place of a schedule's name: whatever goes wrong does so by chance. */
export const CHANCE = 'chance'

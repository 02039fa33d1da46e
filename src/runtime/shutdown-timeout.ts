/** Thrown when a worker was asked to stop and its final checkpoint was not complete in time: it stops without one. */
export class ShutdownTimeout extends Error {}

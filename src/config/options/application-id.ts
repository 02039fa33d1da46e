/** Kafka's rule for topic and group names; ids derived from it (`<app>.control`, `<app>.0.3`) must fit into 249 characters. `.` and `..` are no names of topics, nor of folders. */
export const APPLICATION_ID = {
  pattern: /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/,
  accepts: 'up to 200 letters, digits, `.`, `_` and `-`',
}

/** A table as plain text: columns as wide as their widest cell, numbers to the right. */
export interface Column {
  readonly title: string
  readonly align?: 'right'
}

export function tableText(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)))
  const lines = [columns.map(({ title }) => title), ...rows].map((row) =>
    columns
      .map(({ align }, i) => (align === 'right' ? (row[i] ?? '').padStart(widths[i]!) : (row[i] ?? '').padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

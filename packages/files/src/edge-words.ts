// What a library's remedy says, in the words of the edge where it is read: a decoder's option is a flag on the command line, the operator's on a
// server, and nothing that a person in front of a page can give.

/** The words of an edge. */
export interface EdgeWords {
  /** a limit: what goes on from "Make it smaller, or"; undefined of one that cannot be raised there, which is then not spoken of */
  readonly raise: (option: string) => string | undefined;
  /** in the place of "as range LOW..HIGH" */
  readonly range: string;
}

/** `message` with the remedy that exists at an edge. A message that names no option is returned as it is. */
export function atEdge(message: string, { raise, range }: EdgeWords): string {
  return message
    .replace(/, or raise ((?:max|timeout)[A-Za-z]+)(?: or (max[A-Za-z]+))?\./g, (_, first: string, second?: string) => {
      const said = new Set([first, second ?? first].flatMap((option) => raise(option) ?? []));
      return said.size === 0 ? "." : `, or ${[...said].join(" or ")}.`;
    })
    .replace("as range LOW..HIGH", range);
}

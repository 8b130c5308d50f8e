// How many of something, right in number: "1 image", "2 images", "1 class", "2 classes".

/** @param many what several are called, where it is more than an s behind `one` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

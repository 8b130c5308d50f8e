// The kinds of images that are read: what people call them, what their files end in, and their media types. The one table; walks, drops, bodies
// and sentences are made from it. What a file really is its content says (@biovlm/imaging).

export interface ImageKind {
  readonly name: string;
  /** endings of files that are whole, in lower case, with their dot */
  readonly endings: readonly string[];
  /** endings of files that name another one with their voxels */
  readonly headers?: readonly string[];
  readonly media: readonly string[];
}

/** Every kind that is read, in the order in which sentences name them. */
export const IMAGE_KINDS = [
  { name: "PNG", endings: [".png"], media: ["image/png"] },
  { name: "JPEG", endings: [".jpg", ".jpeg", ".jpe", ".jfif"], media: ["image/jpeg"] },
  { name: "WebP", endings: [".webp"], media: ["image/webp"] },
  { name: "TIFF", endings: [".tif", ".tiff"], media: ["image/tiff"] },
  { name: "BMP", endings: [".bmp", ".dib"], media: ["image/bmp"] },
  { name: "GIF", endings: [".gif"], media: ["image/gif"] },
  { name: "PNM", endings: [".pbm", ".pgm", ".ppm", ".pnm", ".pam"], media: ["image/x-portable-anymap"] },
  { name: "JPEG 2000", endings: [".jp2", ".j2k", ".j2c", ".jpc"], media: ["image/jp2"] },
  { name: "DICOM", endings: [".dcm", ".dicom", ".ima"], media: ["application/dicom"] },
  { name: "NIfTI", endings: [".nii", ".nii.gz"], headers: [".hdr"], media: [] },
  { name: "NRRD", endings: [".nrrd"], headers: [".nhdr"], media: [] },
] as const satisfies readonly ImageKind[];

const KINDS: readonly ImageKind[] = IMAGE_KINDS;
const endsIn = (name: string, { endings }: Pick<ImageKind, "endings">): boolean => {
  const lower = name.toLowerCase();
  return endings.some((ending) => lower.endsWith(ending));
};

/** Endings of files that a walk takes, in lower case. A file that a person names is taken whatever its name. */
export const IMAGE_ENDINGS: readonly string[] = [
  ...KINDS.flatMap(({ endings }) => endings),
  ...KINDS.flatMap(({ headers = [] }) => headers),
];

/** Whether a name ends as a whole image file of a kind that is read; headers that name another file are none. */
export const isImageName = (name: string): boolean => KINDS.some((kind) => endsIn(name, kind));

/** Whether a file's name leaves it open that the file is DICOM: the endings of other images say that it is not. */
export const mayBeDicom = (name: string): boolean =>
  !KINDS.some((kind) => kind.name !== "DICOM" && endsIn(name, { endings: [...kind.endings, ...(kind.headers ?? [])] }));

/** "PNG, JPEG, … NIfTI and NRRD". */
export function imageKinds(join: "and" | "or"): string {
  const names = KINDS.map(({ name }) => name);
  return `${names.slice(0, -1).join(", ")} ${join} ${names.at(-1)}`;
}

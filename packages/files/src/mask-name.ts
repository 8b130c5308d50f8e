// The lesion masks that lie beside their picture in ultrasound sets (x.png, x_mask.png, x_mask_1.png), and beside volumes.

const MASK = /^(.*)_mask(?:_\d+)?(\.nii\.gz|\.[^.]+)$/;

/** The picture whose mask a file is by its name, where that lies beside it; undefined for a name that is no mask's. */
export function pictureOfMask(name: string): string | undefined {
  const [, stem, ending] = MASK.exec(name) ?? [];
  return stem === undefined || ending === undefined ? undefined : `${stem}${ending}`;
}

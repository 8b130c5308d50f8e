// How large a pixel of a slide is, by what its file says: Aperio's description, OME's, or TIFF's own resolution. The description is read for
// this alone and never repeated.

/** µm of the units that OME names; a length without one is in µm. */
const OME_UNITS: Readonly<Record<string, number>> = { µm: 1, μm: 1, um: 1, nm: 1e-3, mm: 1e3, cm: 1e4, m: 1e6 };
/** A resolution in dots an inch or a centimetre that says more is what software writes that knows none: 72 dots an inch are 353 µm. */
const COARSEST_BELIEVED = 50;

/** TIFF's fields of resolution, as they stand. */
export interface TiffResolution {
  /** beginning of ImageDescription */
  readonly description: string;
  /** pixels a unit */
  readonly across: number | undefined;
  /** 2 inch, 3 centimetre */
  readonly unit: number | undefined;
}

const positive = (value: number) => (Number.isFinite(value) && value > 1e-4 && value < 1e4 ? value : undefined);

function omeMicrons(description: string): number | undefined {
  const pixels = /<Pixels\b[^>]{0,4000}>/.exec(description)?.[0];
  const size = /\bPhysicalSizeX="([\d.eE+-]{1,40})"/.exec(pixels ?? "")?.[1];
  const unit = /\bPhysicalSizeXUnit="([^"]{1,40})"/.exec(pixels ?? "")?.[1] ?? "µm";
  const factor = OME_UNITS[unit];
  return size === undefined || factor === undefined ? undefined : positive(Number(size) * factor);
}

/** Whether a description is OME's. */
export const isOme = (description: string): boolean => /<OME[\s>]/.test(description.slice(0, 4096));

/** µm a pixel of the image that the fields stand with; undefined where they do not say, or not credibly. */
export function micronsOf({ description, across, unit }: TiffResolution): number | undefined {
  const ome = isOme(description) ? omeMicrons(description) : undefined;
  if (ome !== undefined) return ome;
  const aperio = /(?:^|\|)\s*MPP\s*=\s*([\d.]{1,40})/.exec(description)?.[1];
  const named = aperio === undefined ? undefined : positive(Number(aperio));
  if (named !== undefined) return named;
  const perUnit = unit === 3 ? 10_000 : unit === 2 || unit === undefined ? 25_400 : undefined;
  if (perUnit === undefined || across === undefined) return undefined;
  const microns = positive(perUnit / across);
  return microns !== undefined && microns <= COARSEST_BELIEVED ? microns : undefined;
}

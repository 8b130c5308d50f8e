// What of dcmjs is used here; the library ships no types.
declare module "dcmjs" {
  /** A data set by keyword: texts, numbers, and arrays of data sets. */
  type NaturalDataset = Record<string, unknown>;
  interface DicomFile {
    readonly meta: Record<string, unknown>;
    dict: Record<string, unknown>;
    write(options?: { readonly fragmentMultiframe?: boolean }): ArrayBuffer;
  }
  const dcmjs: {
    readonly data: {
      readonly DicomMetaDictionary: {
        naturalizeDataset(dict: Record<string, unknown>): NaturalDataset;
        denaturalizeDataset(dataset: NaturalDataset): Record<string, unknown>;
      };
      readonly DicomDict: new (meta: Record<string, unknown>) => DicomFile;
      readonly DicomMessage: {
        readFile(
          bytes: ArrayBuffer,
          options?: { readonly untilTag?: string; readonly includeUntilTagValue?: boolean; readonly ignoreErrors?: boolean },
        ): DicomFile;
      };
    };
    readonly log: { setLevel(level: string): void; getLogger(name: string): { setLevel(level: string): void } };
  };
  export default dcmjs;
}

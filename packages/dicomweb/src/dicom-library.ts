// dcmjs behind two functions: a file's data set by keyword, and a file from one. The library ships no types and prints what it stumbles over,
// which may be a patient's; both end here.

/// <reference path="./dcmjs.d.ts" />
import dcmjs from "dcmjs";

/** A data set by keyword: texts, numbers, and arrays of data sets. */
export type NaturalDataset = Record<string, unknown>;

const PIXEL_DATA = "7FE00010";

/** Reads the data set of a file with preamble, up to its pixels. Throws whatever the library does. */
export function readDataset(bytes: ArrayBuffer): NaturalDataset {
  dcmjs.log.setLevel("silent");
  for (const name of ["validation.dcmjs", "AsyncDicomReader"]) dcmjs.log.getLogger(name).setLevel("silent");
  const file = dcmjs.data.DicomMessage.readFile(bytes, { untilTag: PIXEL_DATA, includeUntilTagValue: false });
  return dcmjs.data.DicomMetaDictionary.naturalizeDataset(file.dict);
}

/** Writes a file: preamble, group 0002 and the data set, in the transfer syntax that `meta` names. */
export function writeDataset(meta: NaturalDataset, dataset: NaturalDataset): Uint8Array<ArrayBuffer> {
  const { DicomMetaDictionary, DicomDict } = dcmjs.data;
  const file = new DicomDict(DicomMetaDictionary.denaturalizeDataset(meta));
  file.dict = DicomMetaDictionary.denaturalizeDataset(dataset);
  return new Uint8Array(file.write());
}

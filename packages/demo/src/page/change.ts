// What views hear of a session.

/** What changed: views draw what they show of it. "view": how DICOM is shown. "source": classes were chosen by something else than the panel, which shows them now. */
export type Change =
  | "images"
  | "answers"
  | "selection"
  | "classes"
  | "labels"
  | "device"
  | "busy"
  | "source"
  | "history"
  | "view"
  | "filter";

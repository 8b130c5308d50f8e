// Figures that others published, as data, each with its source and with what the source leaves unsaid. Nothing here was measured by this project.

import type { Setting } from "../results.js";

/** One published accuracy. */
export interface PublishedFigure {
  /** a data set's name, or "suite" for the average over {@link BIOMEDCOOP_SUITE} */
  readonly dataset: string;
  /** methods of this project that stand for the published one */
  readonly methods: readonly string[];
  readonly setting: Setting;
  /** absent where the source does not name it */
  readonly shots?: number;
  /** in %, as published; of base-to-new the harmonic mean */
  readonly accuracy: number;
  readonly base?: number;
  readonly new?: number;
  readonly source: string;
  /** what must be known beside it */
  readonly unsaid?: string;
}

/** The eleven sets of BiomedCoOp's tables, by this project's name where it knows the set. RETINA is not RetinaMNIST. */
export const BIOMEDCOOP_SUITE: readonly { readonly published: string; readonly name?: string }[] = [
  { published: "BTMRI" },
  { published: "BUSI", name: "busi" },
  { published: "CHMNIST" },
  { published: "COVID_19" },
  { published: "CTKidney" },
  { published: "DermaMNIST", name: "dermamnist" },
  { published: "KneeXray" },
  { published: "Kvasir" },
  { published: "LungColon" },
  { published: "OCTMNIST", name: "octmnist" },
  { published: "RETINA" },
];

const BIOVLM = "BioVLM (Singha et al., Findings of ACL 2026, arXiv 2604.17629)";
const BIOMEDCOOP = "README of HealthX-Lab/BiomedCoOp, average over 11 sets and 3 seeds, BiomedCLIP (arXiv 2411.15232)";

const biovlm = (dataset: string, accuracy: number): PublishedFigure => ({
  dataset,
  methods: ["released", "biovlm-golden", "biovlm"],
  setting: "few-shot",
  accuracy,
  source: BIOVLM,
  unsaid: "setting and shots are not named at the source",
});

const SHOTS = [1, 2, 4, 8, 16] as const;
const suite = (method: string, accuracies: readonly [number, number, number, number, number]): PublishedFigure[] =>
  accuracies.map((accuracy, i) => ({
    dataset: "suite",
    methods: [method],
    setting: "few-shot",
    shots: SHOTS[i] ?? 0,
    accuracy,
    source: BIOMEDCOOP,
  }));
const baseToNew = (method: string, base: number, unseen: number, accuracy: number): PublishedFigure => ({
  dataset: "suite",
  methods: [method],
  setting: "base-to-new",
  shots: 16,
  accuracy,
  base,
  new: unseen,
  source: BIOMEDCOOP,
});

/** All that could be found. */
export const PUBLISHED_FIGURES: readonly PublishedFigure[] = [
  biovlm("pathmnist", 81.56),
  biovlm("dermamnist", 45.27),
  biovlm("octmnist", 62.57),
  biovlm("pneumoniamnist", 79.65),
  biovlm("breastmnist", 65.6),
  biovlm("tissuemnist", 27.34),
  biovlm("organsmnist", 45.41),
  ...suite("coop", [50.16, 54.18, 59.75, 65.84, 69.62]),
  ...suite("kgcoop", [50.85, 53.18, 57.82, 62.08, 62.84]),
  ...suite("tip-adapter", [49.19, 52.36, 57.33, 61.98, 67.15]),
  ...suite("tip-adapter-f", [51.17, 52.74, 61.23, 65.91, 70.91]),
  ...suite("linear-probe", [47.25, 54.21, 61.0, 65.85, 69.4]),
  ...suite("lp++", [47.24, 53.18, 59.02, 63.69, 68.35]),
  baseToNew("zero-shot", 47.84, 65.42, 53.81),
  baseToNew("coop", 73.85, 64.75, 67.23),
  baseToNew("kgcoop", 68.36, 64.08, 64.61),
];

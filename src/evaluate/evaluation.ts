import type { Size } from '../arrays.ts';
import type { CocoDetection } from '../data/coco_file.ts';
import type { DataFormat, KeypointNames, LabelKind, LabelledObject } from '../data/image_set.ts';
import type { LabelMap } from '../image/raster.ts';
import type { CocoType } from './coco_parameters.ts';

/** Everything that was measured about a model, or a file of results, on a data set. Plain values, except the images that are shown. */
export interface Evaluation {
  readonly data: DataFacts;
  /** Absent if a file of results was evaluated. */
  readonly model?: ModelFacts | undefined;
  /** Absent if a model was evaluated. */
  readonly results?: ResultsFacts | undefined;
  readonly bbox?: ObjectFigures | undefined;
  readonly segm?: ObjectFigures | undefined;
  readonly keypoints?: ObjectFigures | undefined;
  readonly semseg?: LabelMapFigures | undefined;
  readonly classification?: ClassificationFigures | undefined;
  /** Instances in all images. Undefined if nothing was looked for. */
  readonly detections?: number | undefined;
  /** The detections themselves, in COCO's form, with the ids of the data set. */
  readonly found?: readonly CocoDetection[] | undefined;
  /** One per evaluated image, in the order of the data set. */
  readonly images: readonly ImageRow[];
  /** The worst images first, as many as were asked for. */
  readonly shown: readonly ShownImage[];
  /** Images that could not be read or run. They are left out on both sides: their labels do not count as missed. */
  readonly failures: readonly ImageFailure[];
  readonly notMeasured: readonly NotMeasured[];
  /** Sentences for the reader: classes of one side only, images without results, what the data set's reader noticed. */
  readonly notices: readonly string[];
  /** Absent for a file of results. */
  readonly speed?: EvaluationSpeed | undefined;
}

/** What was evaluated on. */
export interface DataFacts {
  /** The folder or file as the caller named it. */
  readonly name: string;
  readonly format: DataFormat;
  readonly split?: string | undefined;
  readonly kinds: readonly LabelKind[];
  /** Images of the whole data set. */
  readonly count: number;
  /** Images that count: fewer than `count` if `limit` is set or an image failed. */
  readonly evaluated: number;
  /** Only the first so many images were taken. */
  readonly limit?: number | undefined;
  /** Classes of objects, or of whole images. */
  readonly classes: readonly string[];
  readonly labelClasses?: readonly string[] | undefined;
  readonly keypoints?: KeypointNames | undefined;
}

/** The model that was evaluated, and how it ran. */
export interface ModelFacts {
  readonly name: string;
  readonly sha256?: string | undefined;
  readonly engine: string;
  /** Threads, device. */
  readonly detail: string;
  /** Classes by task. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
  /** The edges that detection's images are fitted between, or the fixed size that the caller asked for. */
  readonly detectionScale?: readonly number[] | undefined;
  readonly segmentationScale?: readonly number[] | undefined;
  /** Width and height of the crops that poses are found in. */
  readonly poseScale?: readonly number[] | undefined;
  /** Whose boxes poses were looked for in: the labels', a file's, a detector's. */
  readonly boxes?: string | undefined;
  /** Options that differ from the configuration, by name. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The file of results that was evaluated. */
export interface ResultsFacts {
  /** The file as the caller named it. */
  readonly name: string;
  /** Entries of the file. */
  readonly entries: number;
}

/** One of COCO's three measures of objects. A figure is -1 where there is no truth, as COCO has it. */
export interface ObjectFigures {
  readonly type: CocoType;
  /** COCO's 12 figures (keypoints: 10) in COCO's order. */
  readonly stats: readonly number[];
  /** What each figure of `stats` is: `AP`, `AP50`, `AR medium`, … */
  readonly statNames: readonly string[];
  /** In the order of the data set's category ids. */
  readonly perClass: readonly ClassFigures[];
  readonly iouThresholds: readonly number[];
  readonly recallThresholds: readonly number[];
  readonly maxDetections: readonly number[];
  /** Keypoints only: what OKS was measured with, in the order of the keypoints. */
  readonly sigmas?: readonly number[] | undefined;
  /** Keypoints only, in their order. */
  readonly perKeypoint?: readonly KeypointFigures[] | undefined;
  /** Area "all", the largest number of detections. First the mean over the classes, then class by class. */
  readonly curves: readonly PrecisionCurve[];
  /** Boxes and masks only. */
  readonly errors?: ErrorFigures | undefined;
  readonly calibration?: CalibrationFigures | undefined;
  /** Boxes and masks only. */
  readonly confusion?: ConfusionFigures | undefined;
}

/** COCO's figures of one class; -1 without a truth. */
export interface ClassFigures {
  readonly name: string;
  /** The data set's category id. */
  readonly id: number;
  /** Truths that are no crowds. */
  readonly truths: number;
  readonly detections: number;
  readonly ap: number;
  /** -1 as well if the threshold is not among those that were measured. */
  readonly ap50: number;
  readonly ap75: number;
  /** By size of the object. Keypoints have no small ones. */
  readonly small: number;
  readonly medium: number;
  readonly large: number;
  /** Average recall with the largest number of detections. */
  readonly ar: number;
}

/** How well one keypoint is placed in the objects that are found at OKS 0.5. */
export interface KeypointFigures {
  readonly name: string;
  /** In so many of these objects it is labelled. */
  readonly labelled: number;
  /** The mean of what it adds to OKS, from 0 to 1; -1 if it is labelled in none. */
  readonly similarity: number;
}

/** Precision over recall, of one class or of all. */
export interface PrecisionCurve {
  /** Undefined: the mean over the classes that have a truth. */
  readonly name?: string | undefined;
  /** Undefined: the mean over all thresholds. */
  readonly iou?: number | undefined;
  /** One per recall threshold; -1 without a truth. */
  readonly precision: readonly number[];
}

/** TIDE's error types. All on COCO's scale, 0 to 1. */
export interface ErrorFigures {
  readonly ap: number;
  /** The overlap at which a detection is right, and the one below which it is background. */
  readonly foreground: number;
  readonly background: number;
  /** The gain in AP if errors of this type were mended. */
  readonly gain: Readonly<Record<ErrorType | 'falsePositive' | 'falseNegative', number>>;
  readonly count: Readonly<Record<ErrorType, number>>;
}

/** TIDE's error types, in the order of the paper. */
export const errorTypes = ['cls', 'loc', 'both', 'dupe', 'bkg', 'miss'] as const;
/** One of `errorTypes`: wrong class, wrong place, both, a duplicate, background, a miss. */
export type ErrorType = (typeof errorTypes)[number];

/** How well scores say if detections are right. */
export interface CalibrationFigures {
  readonly iou: number;
  readonly bins: readonly CalibrationBin[];
  /** Expected and maximum calibration error. */
  readonly ece: number;
  readonly mce: number;
  readonly perClass: readonly { readonly name: string; readonly ece: number; readonly count: number }[];
}

/** Detections whose scores lie in one range. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** 0 for an empty bin, as the next. */
  readonly meanScore: number;
  /** The share of its detections that are right. */
  readonly accuracy: number;
}

/** Which class was taken for which. */
export interface ConfusionFigures {
  readonly iou: number;
  readonly score: number;
  /** Row by row: a row is a class of the truth, a column one of the detections. The last of each is the background. */
  readonly matrix: readonly (readonly number[])[];
  /** The names of rows and columns without the background. */
  readonly classes: readonly string[];
}

/** Label maps compared pixel by pixel. NaN where a class neither occurs nor is predicted. */
export interface LabelMapFigures {
  readonly miou: number;
  /** Mean over classes of the share of a class's pixels that are right. */
  readonly macc: number;
  /** The share of all pixels that are right. */
  readonly aacc: number;
  readonly mdice: number;
  /** IoU of the boundaries of the classes, mean over the classes. */
  readonly boundary?: number | undefined;
  readonly perClass: readonly {
    readonly name: string;
    readonly iou: number;
    readonly accuracy: number;
    readonly precision: number;
    readonly dice: number;
    readonly boundary?: number | undefined;
    /** Pixels of the truth. */
    readonly pixels: number;
  }[];
  /** Pixels by class of the truth (row) and of the prediction (column). Pixels without a label are left out. */
  readonly matrix?: readonly (readonly number[])[] | undefined;
}

/** Classes of whole images, compared. */
export interface ClassificationFigures {
  readonly top1: number;
  /** Undefined if the model has at most five classes. */
  readonly top5?: number | undefined;
  readonly meanClassAccuracy: number;
  readonly perClass: readonly {
    readonly name: string;
    /** NaN: 0 / 0. */
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly images: number;
  }[];
  /** Images by true class (row) and first class (column). */
  readonly matrix?: readonly (readonly number[])[] | undefined;
}

/** One image at IoU 0.5. */
export interface MatchCounts {
  /** True positives, false positives and misses; ignored detections and truths are neither. */
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  /** 1 for an image with neither truth nor detection. */
  readonly f1: number;
  readonly ap: number;
}

/** One image of the evaluation. */
export interface ImageRow {
  readonly id: number | string;
  readonly file: string;
  readonly size: Size;
  readonly bbox?: MatchCounts | undefined;
  readonly segm?: MatchCounts | undefined;
  readonly keypoints?: MatchCounts | undefined;
  /** NaN if nothing of the image is labelled. */
  readonly semseg?: { readonly miou: number; readonly aacc: number } | undefined;
  readonly classification?: ImageClass | undefined;
  /** The time of the work on it, without waiting for others. */
  readonly milliseconds?: number | undefined;
}

/** What a classifier said of one image. */
export interface ImageClass {
  readonly truth: string;
  readonly predicted: string;
  /** The score of the predicted class. */
  readonly score: number;
  /** From 0. */
  readonly rank: number;
}

/** An image that a report shows, with what was found in it. */
export interface ShownImage {
  readonly row: ImageRow;
  /** The measure by which it was chosen; `truths` and `detections` are matched by it. */
  readonly by: CocoType | 'semseg' | 'classification';
  readonly truths: readonly ShownTruth[];
  /** Best first. */
  readonly detections: readonly ShownDetection[];
  /** The predicted classes, numbered as the data set's `labelClasses`; the number after the last for any other class. */
  readonly predicted?: LabelMap | undefined;
  /** Class indices of the truth; `ignore` of the data set where there is no label. */
  labels?(): Promise<LabelMap>;
  /** The encoded file. */
  bytes(): Promise<Uint8Array>;
}

/** An object of an image that is shown. */
export interface ShownTruth extends Pick<LabelledObject, 'box' | 'keypoints' | 'mask'> {
  readonly name: string;
  readonly status: 'found' | 'missed' | 'ignored';
}

/** A detection in an image that is shown. */
export interface ShownDetection extends Pick<LabelledObject, 'box' | 'keypoints' | 'mask'> {
  readonly name: string;
  readonly score: number;
  readonly status: 'hit' | 'false' | 'ignored';
  /** What TIDE makes of it, which matches otherwise than COCO. */
  readonly error?: Exclude<ErrorType, 'miss'> | undefined;
}

/** An image that could not be read or run. */
export interface ImageFailure {
  readonly file: string;
  readonly error: string;
}

/** A measure that could not be taken. */
export interface NotMeasured {
  readonly what: ShownImage['by'] | 'boundary' | 'errors';
  /** A sentence. */
  readonly why: string;
}

/** How long the model took. */
export interface EvaluationSpeed {
  /** Mean time of the work on an image. */
  readonly millisecondsPerImage: number;
  /** From the first image to the last result, with everything that runs beside it. */
  readonly imagesPerSecond: number;
}

/** Two models, or files of results, on one data set. */
export interface ComparisonReport {
  readonly data: DataFacts;
  readonly type: CocoType;
  /** The names of the two. A difference is `b` minus `a`. */
  readonly a: string;
  readonly b: string;
  readonly resamples: number;
  readonly seed: number;
  readonly confidence: number;
  /** COCO's figures, by name. */
  readonly figures: readonly ComparedFigure[];
  /** AP of each class. */
  readonly perClass: readonly ComparedFigure[];
  /** Images whose figures differ, the largest change first. */
  readonly images: readonly ComparedImage[];
  /** The first of `images`, with what each of the two found. */
  readonly shown: readonly { readonly a: ShownImage; readonly b: ShownImage }[];
  readonly notices: readonly string[];
}

/** One figure of both sides, with the interval of its difference. */
export interface ComparedFigure {
  readonly name: string;
  /** -1 where there is no truth. */
  readonly a: number;
  readonly b: number;
  readonly difference: number;
  /** The interval of the difference over resampled images. */
  readonly lower: number;
  readonly upper: number;
  readonly standardError: number;
  /** The share of resamples in which `b` is better. */
  readonly better: number;
}

/** One image of both sides. */
export interface ComparedImage {
  readonly id: number | string;
  readonly file: string;
  readonly a: MatchCounts;
  readonly b: MatchCounts;
  /** The difference of `f1`. */
  readonly change: number;
}

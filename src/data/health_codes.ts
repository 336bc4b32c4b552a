/** What a check of a data set can find. `docs/check_data.md` has the same table for readers; a test compares them. */

/** Errors break training or evaluation, warnings change figures silently, information is worth a look. */
export const severities = ['error', 'warning', 'information'] as const;
/** How much a finding matters. */
export type Severity = (typeof severities)[number];

interface HealthRule {
  readonly severity: Severity;
  /** What it means that the code is reported. */
  readonly rule: string;
  /** The next step for the reader. */
  readonly remedy: string;
}

/** The longer side over the shorter, from which a box is extreme. */
export const extremeAspect = 20;
/** Boxes of one class in one image with a higher IoU are the same object twice. */
export const duplicateIou = 0.95;
/** Below this IoU a box and the box of its mask are of different objects. */
export const leastBoxMaskIou = 0.5;
/** A stated area fits another if it is between these multiples of it, both included. */
export const areaRange = [0.5, 1.5] as const;
/** Classes with fewer instances are reported as information. */
export const fewInstances = 10;
/** The most frequent class over the least frequent, from which a set is called imbalanced. */
export const imbalance = 100;
/** COCO's limit of small objects, in square pixels. */
export const smallArea = 32 ** 2;

const rename = 'Give every entry an id of its own, and change what refers to it.';
const redraw = 'Draw the outline again, or remove the annotation.';

/** In the order in which they are reported, within a severity. */
export const healthCodes = {
  bad_value: {
    severity: 'error',
    rule: 'a value is not what the format asks for: a box that is not four finite numbers (numbers as strings are not numbers), a coordinate, a run or an id that is no number, a list that is missing',
    remedy: 'Write the value as the format asks for, or remove the entry.',
  },
  unreadable_labels: {
    severity: 'error',
    rule: 'the labels of an image or of the rest of a split cannot be read',
    remedy: 'Mend the file at the place that is named, or remove it.',
  },
  duplicate_image_id: { severity: 'error', rule: 'two images have the same id', remedy: rename },
  duplicate_ann_id: { severity: 'error', rule: 'two annotations have the same id', remedy: rename },
  duplicate_category_id: { severity: 'error', rule: 'two classes have the same id', remedy: rename },
  orphan_image_id: {
    severity: 'error',
    rule: 'an annotation of an image that is not listed',
    remedy: 'Add the image to the list, or remove the annotation.',
  },
  orphan_category_id: {
    severity: 'error',
    rule: 'an annotation of a class that is not listed',
    remedy: 'Add the class to the list, or correct the class of the annotation.',
  },
  missing_geometry: {
    severity: 'error',
    rule: 'an annotation with neither box nor mask nor keypoints (an empty segmentation is no mask)',
    remedy: 'Draw the object, or remove the annotation.',
  },
  zero_dimensions: {
    severity: 'error',
    rule: 'the stated width or height of an image is not above 0',
    remedy: 'Write the size of the file.',
  },
  polygon_too_few_points: { severity: 'error', rule: 'a polygon of fewer than three points', remedy: redraw },
  polygon_odd_length: {
    severity: 'error',
    rule: 'a polygon with an odd number of coordinates',
    remedy: 'Coordinates are pairs of x and y: look for the one that is missing.',
  },
  rle_size_mismatch: {
    severity: 'error',
    rule: 'the size of a run-length mask is not [height, width] of its image',
    remedy: 'Write the height first, and make masks for the size of the image.',
  },
  rle_wrong_length: {
    severity: 'error',
    rule: 'the runs of a mask do not add up to height × width',
    remedy: 'Encode the mask again.',
  },
  keypoints_wrong_length: {
    severity: 'error',
    rule: 'keypoints that are not three numbers a point, or not as many points as the class has names',
    remedy: 'Write x, y and visibility for each keypoint of the class; 0, 0, 0 if it is not labelled.',
  },
  missing_file: {
    severity: 'error',
    rule: 'the file of an image does not exist',
    remedy: 'Copy the file to its place, or remove the image from the list.',
  },
  unreadable_image: {
    severity: 'error',
    rule: 'the file of an image is damaged, or not an image',
    remedy: 'Copy or download the file again.',
  },
  image_size_mismatch: {
    severity: 'error',
    rule: 'the file has another size than the labels state',
    remedy: 'Write the size of the file. If the file was scaled, scale its labels, too.',
  },
  split_leakage: {
    severity: 'error',
    rule: 'the same file, byte for byte, in two splits',
    remedy: 'Remove it from one of them: figures on images that were trained on are too high.',
  },
  dt_orphan_image_id: {
    severity: 'error',
    rule: 'a result of an image that the data set does not list',
    remedy: 'Check that the results belong to this data set and split.',
  },
  dt_orphan_category_id: {
    severity: 'error',
    rule: 'a result of a class that the data set does not list',
    remedy: "Write the data set's category ids, not positions in a list of classes.",
  },
  dt_missing_score: {
    severity: 'error',
    rule: 'a result without a score, or with one that is not a number',
    remedy: 'Write the score that the model gives: results are sorted by it.',
  },
  degenerate_bbox: {
    severity: 'warning',
    rule: 'a box whose width or height is not above 0',
    remedy: 'Draw the box again, or remove the annotation.',
  },
  zero_area: {
    severity: 'warning',
    rule: 'the stated area is 0, though the box has one',
    remedy: 'Write the area of the mask, else of the box: COCO sorts objects into sizes by it.',
  },
  bbox_out_of_bounds: {
    severity: 'warning',
    rule: 'a box that reaches beyond the image on any side',
    remedy: 'Clip the box to the image. Many of them mean that boxes and images have different sizes.',
  },
  extreme_aspect_ratio: {
    severity: 'warning',
    rule: `a box whose longer side is over ${extremeAspect} times the shorter`,
    remedy: 'Look at the object: such boxes are often slips of the mouse.',
  },
  near_duplicate: {
    severity: 'warning',
    rule: `boxes of one class in one image with an IoU over ${duplicateIou}`,
    remedy: 'Keep one of them, or correct the class of the other.',
  },
  polygon_out_of_bounds: {
    severity: 'warning',
    rule: 'a polygon that reaches beyond the image on any side',
    remedy: 'Clip the polygon to the image.',
  },
  bbox_mask_mismatch: {
    severity: 'warning',
    rule: `the IoU of the box with the box of the mask is under ${leastBoxMaskIou}`,
    remedy: 'Find out which of them is right, and make the other fit.',
  },
  area_mismatch: {
    severity: 'warning',
    rule: `the stated area is over ${areaRange[1]} times, or under half of, the area of the box and of the mask`,
    remedy: 'Write the area of the mask, else of the box. Areas of scaled images have to be scaled, too.',
  },
  num_keypoints_mismatch: {
    severity: 'warning',
    rule: '`num_keypoints` is not the number of keypoints with a visibility above 0',
    remedy: 'Count them again: evaluation leaves out objects with `num_keypoints` 0.',
  },
  duplicate_file_name: {
    severity: 'warning',
    rule: 'two images of one file (with `\\` as `/`, without `./`)',
    remedy: 'Join their annotations under one image.',
  },
  duplicate_category_name: {
    severity: 'warning',
    rule: 'two classes of one name',
    remedy: 'Join them, or give them different names: classes are matched by name.',
  },
  duplicate_image_content: {
    severity: 'warning',
    rule: 'the same file, byte for byte, twice within a split',
    remedy: 'Keep one of them with all its labels.',
  },
  zero_instance_category: {
    severity: 'warning',
    rule: 'a class without an annotation',
    remedy: 'Remove the class, or look for its annotations. In a small split it may be chance.',
  },
  dt_score_out_of_range: {
    severity: 'warning',
    rule: 'the score of a result is not within 0 to 1',
    remedy: 'Write probabilities, not logits or percent.',
  },
  reader_notice: {
    severity: 'warning',
    rule: 'something in the files of a data set that its reader left out or had to interpret',
    remedy: 'Read the sentence; it names the file and the place.',
  },
  low_instance_category: {
    severity: 'information',
    rule: `a class with fewer than ${fewInstances} annotations`,
    remedy: 'Figures of such a class say little.',
  },
  class_imbalance: {
    severity: 'information',
    rule: `the most frequent class has over ${imbalance} times the annotations of the least frequent`,
    remedy: 'Read figures per class, and consider to sample rare classes more often.',
  },
  image_without_annotations: {
    severity: 'information',
    rule: 'an image without an annotation',
    remedy: 'Fine if it shows none of the classes. Else it was never labelled.',
  },
  small_objects: {
    severity: 'information',
    rule: 'more than half of the objects are small as COCO counts (under 32 × 32 pixels)',
    remedy: 'Consider a larger input size, or tiles.',
  },
  undecoded_image: {
    severity: 'information',
    rule: 'an image whose format, or whose number of pixels, this package does not decode: its pixels were not checked',
    remedy: 'Nothing, if your training reads it.',
  },
} as const satisfies Readonly<Record<string, HealthRule>>;

/** What was found, as a code. */
export type HealthCode = keyof typeof healthCodes;

/** Returns how much a finding of a code matters. */
export const severityOf = (code: HealthCode): Severity => healthCodes[code].severity;

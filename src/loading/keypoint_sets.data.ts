/** Keypoints of data sets as mmpose 1.3.2 has them (`configs/_base_/datasets`). `keypoint_sets.ts` reads them. */

/** Names by commas; links and sigmas by spaces. */
export const listed = {
  mpii: {
    names:
      'right_ankle,right_knee,right_hip,left_hip,left_knee,left_ankle,pelvis,thorax,upper_neck,head_top,' +
      'right_wrist,right_elbow,right_shoulder,left_shoulder,left_elbow,left_wrist',
    links: '0-1 1-2 2-6 6-3 3-4 4-5 6-7 7-8 8-9 8-12 12-11 11-10 8-13 13-14 14-15',
    sigmas: '.089 .083 .107 .107 .083 .089 .026 .026 .026 .026 .062 .072 .179 .179 .072 .062',
  },
  crowdpose: {
    names:
      'left_shoulder,right_shoulder,left_elbow,right_elbow,left_wrist,right_wrist,left_hip,right_hip,left_knee,' +
      'right_knee,left_ankle,right_ankle,top_head,neck',
    links: '10-8 8-6 11-9 9-7 6-7 0-6 1-7 0-1 0-2 1-3 2-4 3-5 12-13 1-13 0-13',
    sigmas: '.079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089 .079 .079',
  },
  aic: {
    names:
      'right_shoulder,right_elbow,right_wrist,left_shoulder,left_elbow,left_wrist,right_hip,right_knee,' +
      'right_ankle,left_hip,left_knee,left_ankle,head_top,neck',
    links: '2-1 1-0 0-13 13-3 3-4 4-5 8-7 7-6 6-9 9-10 10-11 12-13 0-6 3-9',
    sigmas:
      '.01388152 .01515228 .01057665 .01417709 .01497891 .01402144 .03909642 .03686941 .01981803 .03843971 ' +
      '.03412318 .02415081 .01291456 .01236173',
  },
  jhmdb: {
    names:
      'neck,belly,head,right_shoulder,left_shoulder,right_hip,left_hip,right_elbow,left_elbow,right_knee,' +
      'left_knee,right_wrist,left_wrist,right_ankle,left_ankle',
    links: '13-9 9-5 5-1 1-6 6-10 10-14 1-0 0-2 0-3 3-7 7-11 0-4 4-8 8-12',
    sigmas: '.025 .107 .025 .079 .079 .107 .107 .072 .072 .087 .087 .062 .062 .089 .089',
  },
  posetrack18: {
    names:
      'nose,head_bottom,head_top,left_ear,right_ear,left_shoulder,right_shoulder,left_elbow,right_elbow,' +
      'left_wrist,right_wrist,left_hip,right_hip,left_knee,right_knee,left_ankle,right_ankle',
    links: '15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 0-1 0-2 1-5 1-6',
    sigmas: '.026 .025 .025 .035 .035 .079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089',
  },
  ap10k: {
    names:
      'L_Eye,R_Eye,Nose,Neck,Root of tail,L_Shoulder,L_Elbow,L_F_Paw,R_Shoulder,R_Elbow,R_F_Paw,L_Hip,L_Knee,' +
      'L_B_Paw,R_Hip,R_Knee,R_B_Paw',
    links: '0-1 0-2 1-2 2-3 3-4 3-5 5-6 6-7 3-8 8-9 9-10 4-11 11-12 12-13 4-14 14-15 15-16',
    sigmas: '.025 .025 .026 .035 .035 .079 .072 .062 .079 .072 .062 .107 .087 .089 .107 .087 .089',
  },
  animalpose: {
    names:
      'L_Eye,R_Eye,L_EarBase,R_EarBase,Nose,Throat,TailBase,Withers,L_F_Elbow,R_F_Elbow,L_B_Elbow,R_B_Elbow,' +
      'L_F_Knee,R_F_Knee,L_B_Knee,R_B_Knee,L_F_Paw,R_F_Paw,L_B_Paw,R_B_Paw',
    links: '0-1 0-2 1-3 0-4 1-4 4-5 5-7 6-7 5-8 8-12 12-16 5-9 9-13 13-17 6-10 10-14 14-18 6-11 11-15 15-19',
    sigmas: '.025 .025 .026 .035 .035 .1 .1 .1 .107 .107 .107 .107 .087 .087 .087 .087 .089 .089 .089 .089',
  },
} as const;

/** Of COCO-WholeBody (arXiv 2007.11858): pairs of the 68 points of a face; sigmas of the feet, the face and one hand. */
export const wholeBodyParts = {
  facePairs:
    '0-16 1-15 2-14 3-13 4-12 5-11 6-10 7-9 17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 ' +
    '40-47 41-46 48-54 49-53 50-52 55-59 56-58 60-64 61-63 65-67',
  feet: '.068 .066 .066 .092 .094 .094',
  face:
    '.042 .043 .044 .043 .04 .035 .031 .025 .02 .023 .029 .032 .037 .038 .043 .041 .045 .013 .012 .011 .011 .012 ' +
    '.012 .011 .011 .013 .015 .009 .007 .007 .007 .012 .009 .008 .016 .01 .017 .011 .009 .011 .009 .007 .013 .008 ' +
    '.011 .012 .01 .034 .008 .008 .009 .008 .008 .007 .01 .008 .009 .009 .009 .007 .007 .008 .011 .008 .008 .008 .01 ' +
    '.008',
  hand: '.029 .022 .035 .037 .047 .026 .025 .024 .035 .018 .024 .022 .026 .017 .021 .021 .032 .02 .019 .022 .031',
} as const;

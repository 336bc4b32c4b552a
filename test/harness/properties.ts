import fc from 'fast-check';

/** Property tests try the same values in every run. Set FC_SEED to try others. */
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

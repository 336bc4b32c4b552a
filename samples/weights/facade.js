/** The shipped model. Bundlers that know this form of URL copy the weights (9 MB) to the page, only if this module is imported. */
export const facade = { config: 'facade', weights: new URL('./facade.safetensors', import.meta.url) };

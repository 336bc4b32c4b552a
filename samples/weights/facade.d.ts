/** The shipped model with the URL of its weights, for `loadModel(facade)`. */
export declare const facade: { readonly config: 'facade'; readonly weights: URL };

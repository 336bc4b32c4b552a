import { loadModel } from 'moganet';

export const dynamic = 'force-dynamic';

let model;

/** Takes the bytes of a picture and answers with the instances in it: the same model on the server, on onnxruntime. */
export async function POST(request) {
  model ??= loadModel('facade');
  const loaded = await model;
  const result = await loaded.predict(await request.arrayBuffer(), { score: 0.5, size: { height: 320, width: 320 } });
  return Response.json({ engine: loaded.engine.name, ...result.toJSON() });
}

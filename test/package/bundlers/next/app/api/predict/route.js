import { loadModel, version } from 'moganet';

export const dynamic = 'force-dynamic';

export async function POST(request) {
  const model = await loadModel('facade');
  const { image, length } = await model.predict(await request.arrayBuffer(), { size: { height: 64, width: 64 } });
  await model.dispose();
  return Response.json({ engine: model.engine.name, width: image.width, length, version });
}

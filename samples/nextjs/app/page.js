import { version } from 'moganet';
import { Finder } from './finder.js';

/** Rendered on the server. */
export default function Page() {
  return (
    <main>
      <h1>Instances in a picture</h1>
      <p>moganet {version}</p>
      <Finder />
    </main>
  );
}

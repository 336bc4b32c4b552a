import { createStore } from './state.ts';

/** The page: puts its pieces together. */

const store = createStore({ waits: {}, size: 320, engine: 'auto', live: false });

const found = document.querySelector('#found');
store.on(['work', 'result'], ({ work, result }) => {
  if (found) found.textContent = work?.text ?? (result ? `Found ${result.length}` : 'Choose a picture.');
});

import { find } from './elements.ts';

/** Light, dark, or as the system says; kept for the next visit. */

const themes = ['system', 'light', 'dark'] as const;
const titles = { system: 'Auto', light: 'Light', dark: 'Dark' } as const;
const key = 'moganet.theme';

/** Connects the button that changes the theme. */
export function connectTheme(): { readonly next: () => void } {
  const button = find('theme', HTMLButtonElement);
  const label = button.querySelector('span');
  let shown: (typeof themes)[number] = 'system';
  const show = (theme: (typeof themes)[number]) => {
    shown = theme;
    document.documentElement.dataset.theme = theme;
    button.title = button.ariaLabel = `Theme: ${titles[theme]}`; // holds the visible word
    if (label) label.textContent = titles[theme];
  };
  const next = () => {
    const at = themes.indexOf(shown);
    const theme = themes[(at + 1) % themes.length] ?? 'system';
    show(theme);
    try {
      localStorage.setItem(key, theme);
    } catch {
      // a browser that keeps nothing shows it for this visit
    }
  };
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(key);
  } catch {
    // as above
  }
  show(themes.find((theme) => theme === kept) ?? 'system');
  button.onclick = next;
  return { next };
}

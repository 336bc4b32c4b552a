/** Rebuilding lists in which the visitor may be. */

/**
 * Rebuilds a list, then gives the focus back to the item that had it, or to the first one that can have it. The frames of a webcam
 * rebuild the lists several times a second.
 *
 * @param key attribute that tells the items apart
 */
export function keepFocus(list: HTMLElement, key: `data-${string}`, rebuild: () => void): void {
  const { activeElement } = list.ownerDocument;
  const focused = activeElement && list.contains(activeElement) ? activeElement.getAttribute(key) : null;
  rebuild();
  if (focused === null) return;
  const items = [...list.querySelectorAll<HTMLElement>(`[${key}]`)].filter((item) => !item.closest('[hidden]'));
  const item = items.find((one) => one.getAttribute(key) === focused) ?? items[0];
  item?.focus({ preventScroll: true });
}

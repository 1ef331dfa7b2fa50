/** Takes a file that is dropped anywhere on the page or chosen by hand. */

/** @param {HTMLInputElement} input @param {(file: File) => void} take */
export function takeFiles(input, take) {
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) take(file);
    input.value = "";
  });
  let inside = 0;
  const holdsFile = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes("Files") ?? false;
  const mark = () => document.body.toggleAttribute("data-dragging", inside > 0);
  addEventListener("dragenter", (event) => {
    if (!holdsFile(event)) return;
    inside += 1;
    mark();
  });
  addEventListener("dragleave", (event) => {
    if (!holdsFile(event)) return;
    inside = Math.max(0, inside - 1);
    mark();
  });
  addEventListener("dragover", (event) => {
    if (holdsFile(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    inside = 0;
    mark();
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}

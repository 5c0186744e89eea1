// A file in the zip archive that follows a TFLite model, as TFLite Metadata lays it: stored, not compressed.

const END = 0x06054b50;
const END_BYTES = 22;

/**
 * @param {Uint8Array} bytes the .tflite file.
 * @param {string} wanted the name of a file in its archive.
 * @returns {Uint8Array | undefined} what the file holds.
 */
export function readStored(bytes, wanted) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - END_BYTES;
  while (end >= 0 && view.getUint32(end, true) !== END) end--; // Behind it there may be a comment.
  if (end < 0) return undefined;
  const directory = end - view.getUint32(end + 12, true);
  const start = directory - view.getUint32(end + 16, true); // Places count from the archive's start: behind the model.
  let entry = directory;
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const size = view.getUint32(entry + 24, true);
    const [name, extra, comment] = [28, 30, 32].map(place => view.getUint16(entry + place, true));
    const called = new TextDecoder().decode(bytes.subarray(entry + 46, entry + 46 + name));
    if (called === wanted && view.getUint16(entry + 10, true) === 0) {
      const local = start + view.getUint32(entry + 42, true);
      const content = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      return bytes.subarray(content, content + size);
    }
    entry += 46 + name + extra + comment;
  }
  return undefined;
}

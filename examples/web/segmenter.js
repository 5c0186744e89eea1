// A .tflite file of keras_seg in the browser: load it, ask it, and get a class for each pixel.
import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';
import {readStored} from './stored.js';

const DESCRIPTION = 'keras_seg.json';
const MOST_THREADS = 4;

let runtime;

/** LiteRT's WebAssembly, fetched once. Threads need a page that is cross-origin isolated: see serve.py. */
function runtimeReady(folder) {
  runtime ??= loadLiteRt(folder, {threads: self.crossOriginIsolated});
  return runtime;
}

export class Segmenter {
  /**
   * @param {Uint8Array} bytes a .tflite file written by keras_seg.
   * @param {string} wasm the folder that LiteRT's WebAssembly files are served from.
   */
  static async load(bytes, wasm) {
    const held = readStored(bytes, DESCRIPTION);
    if (!held) throw new Error(`There is no ${DESCRIPTION} in this file: export it with keras_seg.`);
    const description = JSON.parse(new TextDecoder().decode(held));
    const refused = refusal(description);
    if (refused) throw new Error(refused);
    await runtimeReady(wasm);
    const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
    const model = await loadAndCompile(bytes, {accelerator: 'wasm', cpuOptions: {numThreads: threads}});
    const segmenter = new Segmenter(model, description, threads);
    const {width, height, channels} = segmenter;
    if (channels !== 1 && channels !== 3) {
      segmenter.delete();
      throw new Error(`This file takes images of ${channels} channels, and pictures in a browser have three.`);
    }
    await segmenter.segment(new OffscreenCanvas(width, height)); // The first run is slow; nobody should wait for it later.
    return segmenter;
  }

  constructor(model, description, threads) {
    const [, height, width, channels] = model.getInputDetails()[0].shape;
    const context = new OffscreenCanvas(width, height).getContext('2d', {alpha: false, willReadFrequently: true});
    context.imageSmoothingQuality = 'high';
    const names = description.class_names;
    Object.assign(this, {model, width, height, channels, context, names, threads});
    this.colors = description.colors;
    this.inputType = description.input.type;
    this.threshold = description.threshold; // Of one channel: 0.5 of probabilities, 0 of logits.
    this.probabilities = 'probabilities' in description.outputs;
  }

  /**
   * Give each pixel its class.
   * @param {CanvasImageSource} source an image, canvas or video frame; it is stretched to the model's size.
   * @returns {Promise<{classes: Uint8Array, width: number, height: number, milliseconds: number}>} `classes` row by
   *     row at the model's size, and the time from the pixels to the classes.
   */
  async segment(source) {
    const {width, height, channels, context} = this;
    context.clearRect(0, 0, width, height); // What is see-through would show the picture before.
    context.drawImage(source, 0, 0, width, height);
    const rgba = context.getImageData(0, 0, width, height).data;
    const start = performance.now();
    const image = new Tensor(this.#values(rgba), [1, height, width, channels]);
    const outputs = await this.model.run(image);
    image.delete();
    const maps = await Promise.all(outputs.map(output => output.data()));
    const classes = classMap(maps, width * height, this);
    for (const output of outputs) output.delete();
    return {classes, width, height, milliseconds: performance.now() - start};
  }

  delete() {
    this.model.delete();
  }

  /** Pixels as the model takes them: raw 0..255 values, without alpha. */
  #values(rgba) {
    const {channels} = this;
    const values = new (this.inputType === 'uint8' ? Uint8Array : Float32Array)((rgba.length / 4) * channels);
    for (let from = 0, to = 0; from < rgba.length; from += 4, to += channels) {
      if (channels === 1) {
        values[to] = Math.round(0.299 * rgba[from] + 0.587 * rgba[from + 1] + 0.114 * rgba[from + 2]);
      } else {
        values[to] = rgba[from];
        values[to + 1] = rgba[from + 1];
        values[to + 2] = rgba[from + 2];
      }
    }
    return values;
  }
}

/** Why a file, by its description, cannot give a class for each pixel of one picture here; "" where it can. */
function refusal({input, activation, threshold, outputs}) {
  if (input.type === 'int8') return 'LiteRT.js takes no int8 images: export with input="uint8".';
  if (input.batch_size !== 1) return `This file takes ${input.batch_size} images at once: export with batch_size=1.`;
  if (input.size.includes(null)) { // Until it is resized, its input has a single pixel.
    return 'This file takes images of any size: export for one, such as input_size=(256, 256).';
  }
  // Several channels with a sigmoid each: the highest is not the class of the pixel, which has several, or none.
  if (activation === 'sigmoid' && threshold === null && !('class_ids' in outputs)) {
    return 'Classes of this file overlap, and a pixel has one class here.';
  }
  return '';
}

/** Class ids of the outputs: as they are, or of the highest score; of one channel, whether it is above the threshold. */
function classMap(maps, pixels, {threshold, probabilities}) {
  const ids = maps.find(map => map instanceof Int32Array);
  if (ids) return Uint8Array.from(ids);
  const [scores] = maps;
  const channels = scores.length / pixels;
  if (channels === 1) {
    const inBytes = scores instanceof Uint8Array;
    if (inBytes && !probabilities) { // LiteRT.js does not tell which byte is a logit of 0.
      throw new Error('This file gives scores in bytes that are no probabilities: export with output="class_ids".');
    }
    const cut = inBytes ? 128 : threshold; // In bytes a probability of 1 is 256.
    return Uint8Array.from(scores, score => score > cut);
  }
  const classes = new Uint8Array(pixels);
  for (let pixel = 0, first = 0; pixel < pixels; pixel++, first += channels) {
    let best = 0;
    for (let channel = 1; channel < channels; channel++) {
      if (scores[first + channel] > scores[first + best]) best = channel;
    }
    classes[pixel] = best;
  }
  return classes;
}

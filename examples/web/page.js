// The page around a segmenter: pictures and camera frames in; overlay, legend and milliseconds out.
import {Segmenter} from './segmenter.js';

const WASM = new URL('node_modules/@litertjs/core/wasm/', import.meta.url).href;
const MOST_PIXELS_A_SIDE = 1600;

const element = id => document.getElementById(id);
const [stage, view, legend] = ['stage', 'view', 'legend'].map(element);
const paint = view.getContext('2d');
const strength = document.querySelector('#strength input');

let segmenter, shown, video, only = null;

/** Run a task and say on the page what went wrong with it. */
async function attempt(task) {
  element('error').hidden = true;
  try {
    await task();
  } catch (error) {
    element('error').textContent = error.message || String(error);
    element('error').hidden = false;
  }
}

async function useModel(bytes, name) {
  stopCamera();
  const loaded = await Segmenter.load(bytes, WASM);
  segmenter?.delete();
  segmenter = loaded;
  only = null;
  const {width, height, threads} = segmenter;
  const size = `${width} × ${height}, ${(bytes.length / 1e6).toFixed(1)} MB`;
  element('model').textContent = `${name}: ${size}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  listClasses();
  if (shown) await show(shown.source);
}

async function fetchModel(url) {
  const answer = await fetch(url);
  if (!answer.ok) {
    element('model').textContent = 'No model yet';
    throw new Error(`There is no ${url} beside this page: put one there, or choose a .tflite file with “Model”.`);
  }
  await useModel(new Uint8Array(await answer.arrayBuffer()), url.split('/').pop());
}

function listClasses() {
  legend.replaceChildren(...segmenter.names.map((name, id) => {
    const item = document.createElement('li');
    item.innerHTML = '<button type="button" aria-pressed="false"><i></i><b></b><small></small></button>';
    item.style.setProperty('--color', `rgb(${segmenter.colors[id]})`);
    item.querySelector('b').textContent = item.firstChild.title = name;
    item.firstChild.onclick = () => {
      only = only === id ? null : id;
      draw();
    };
    return item;
  }));
}

/** Segment an image, a canvas or a frame of the camera, and show what was found. */
async function show(source) {
  if (!segmenter) throw new Error('Choose a model first.');
  const found = await segmenter.segment(source);
  shown = {source, ...found};
  draw();
  element('time').querySelector('output').value = found.milliseconds.toFixed(found.milliseconds < 10 ? 1 : 0);
  document.dispatchEvent(new CustomEvent('segmented', {detail: found}));
}

function draw() {
  if (!shown) return;
  const {source, classes, width, height} = shown;
  const [across, down] = [source.videoWidth || source.width, source.videoHeight || source.height];
  const shrink = Math.min(1, MOST_PIXELS_A_SIDE / Math.max(across, down));
  view.width = Math.round(across * shrink);
  view.height = Math.round(down * shrink);
  view.style.setProperty('--ratio', across / down);
  view.hidden = false;
  element('hint').hidden = true;
  paint.drawImage(source, 0, 0, view.width, view.height);
  const colored = new ImageData(width, height);
  const pixels = new Uint32Array(colored.data.buffer);
  // Red is the first byte, and the lowest: every browser's machine is little-endian.
  const paints = segmenter.colors.map(([red, green, blue], id) =>
    only === null || only === id ? (255 << 24 | blue << 16 | green << 8 | red) >>> 0 : 0);
  const counts = new Array(paints.length).fill(0);
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    const id = classes[pixel];
    counts[id]++;
    pixels[pixel] = paints[id];
  }
  const overlay = new OffscreenCanvas(width, height);
  overlay.getContext('2d').putImageData(colored, 0, 0);
  paint.globalAlpha = strength.value / 100;
  paint.imageSmoothingEnabled = false; // A class is a class: there is nothing between two of them.
  paint.drawImage(overlay, 0, 0, view.width, view.height);
  paint.globalAlpha = 1;
  [...legend.children].forEach((item, id) => {
    item.className = counts[id] ? '' : 'absent';
    item.firstChild.setAttribute('aria-pressed', only === id);
    item.querySelector('small').textContent = share(counts[id] / classes.length);
  });
}

function share(part) {
  if (part === 0) return '';
  return part < 0.001 ? '< 0.1 %' : `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`;
}

async function open(file) {
  if (file.name.endsWith('.tflite')) return useModel(new Uint8Array(await file.arrayBuffer()), file.name);
  stopCamera();
  let image;
  try {
    image = await createImageBitmap(file); // Turned upright as its EXIF says.
  } catch {
    throw new Error(`${file.name} is no picture that this browser reads.`);
  }
  return show(image);
}

async function startCamera() {
  if (!navigator.mediaDevices) throw new Error('Browsers give the camera to https and localhost only.');
  if (!segmenter) throw new Error('Choose a model first.');
  const stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
  video = Object.assign(document.createElement('video'), {srcObject: stream, muted: true, playsInline: true});
  const mine = video;
  element('camera').setAttribute('aria-pressed', true);
  try {
    await video.play();
    while (video === mine) {
      await show(mine);
      await new Promise(requestAnimationFrame);
    }
  } finally {
    if (video === mine) stopCamera();
  }
}

function stopCamera() {
  if (!video) return;
  for (const track of video.srcObject.getTracks()) track.stop();
  video = null;
  element('camera').setAttribute('aria-pressed', false);
}

strength.oninput = draw;
element('camera').onclick = () => video ? stopCamera() : attempt(startCamera);
for (const id of ['picture', 'file']) {
  element(id).onchange = ({target}) => {
    if (target.files.length) attempt(() => open(target.files[0]));
  };
}
document.ondragover = event => {
  event.preventDefault();
  stage.classList.add('over');
};
document.ondragleave = () => stage.classList.remove('over');
document.ondrop = event => {
  event.preventDefault();
  stage.classList.remove('over');
  const [file] = event.dataTransfer.files;
  if (file) attempt(() => open(file));
};

attempt(() => fetchModel(new URLSearchParams(location.search).get('model') ?? 'model.tflite'));

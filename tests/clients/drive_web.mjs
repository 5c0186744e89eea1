// Opens examples/web in headless Chromium, gives it what a person would, and prints what the page made of it as JSON.
// node drive_web.mjs URL CHROMIUM STEPS.json, where STEPS is a list of {do, ...}: see the functions below.
import {readFileSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [url, executablePath, steps] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  ],
});
const context = await browser.newContext({viewport: {width: 1200, height: 800}});
const page = await context.newPage();
const elsewhere = [], troubles = [];
page.on('request', request => new URL(request.url()).host === new URL(url).host
  || /^(data|blob):/.test(request.url()) || elsewhere.push(request.url()));
page.on('pageerror', error => troubles.push(String(error)));

const bytes = path => readFileSync(path).toString('base64');
const said = () => page.evaluate(() => ({
  error: document.getElementById('error').hidden ? null : document.getElementById('error').textContent,
  model: document.getElementById('model').textContent,
  time: document.querySelector('#time output').value,
  legend: [...document.querySelectorAll('#legend li')].map(item => [
    item.querySelector('b').textContent, getComputedStyle(item.querySelector('i')).backgroundColor,
    item.querySelector('small').textContent]),
  view: [document.getElementById('view').height, document.getElementById('view').width],
  scrolls: document.documentElement.scrollWidth > innerWidth,
}));

const doing = {
  /** Load the page, with a model beside it: {query}. */
  async open({query = ''}) {
    await page.goto(url + query);
    await page.waitForFunction(() => document.querySelector('#legend li') || !document.getElementById('error').hidden);
    return said();
  },
  /** Drop a file on the page, or choose it: {file, type, choose: id of the input}. */
  async give({file, type, choose}) {
    const segmented = page.evaluate(() => new Promise(done => {
      document.addEventListener('segmented', ({detail}) => done({...detail, classes: [...detail.classes]}), {once: true});
      const error = document.getElementById('error');
      new MutationObserver(() => error.hidden || done(null)).observe(error, {attributes: true});
    }));
    if (choose) await page.setInputFiles(`#${choose}`, file);
    else await page.evaluate(({content, type, name}) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(content), letter => letter.charCodeAt(0))], name, {type}));
      document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
    }, {content: bytes(file), type, name: file.split('/').pop()});
    return {...await segmented, ...await said()};
  },
  /** Show one class alone, nothing shining through, and give the pixels as they are painted: {only}. */
  async paint({only}) {
    await page.click(`#legend li:nth-child(${only + 1}) button`);
    await page.fill('#strength input', '100');
    const pressed = await page.getAttribute(`#legend li:nth-child(${only + 1}) button`, 'aria-pressed');
    const pixels = await page.evaluate(() => {
      const view = document.getElementById('view');
      return [...view.getContext('2d').getImageData(0, 0, view.width, view.height).data];
    });
    await page.click(`#legend li:nth-child(${only + 1}) button`);
    return {pressed, pixels};
  },
  /** Turn the camera on, Chromium's moving picture here, wait for some frames, and turn it off: {frames}. */
  async camera({frames}) {
    const times = page.evaluate(count => new Promise(done => {
      const times = [];
      document.addEventListener('segmented', ({detail}) => times.push(detail.milliseconds) === count && done(times));
    }), frames);
    await page.click('#camera');
    const milliseconds = await times;
    await page.click('#camera');
    return {frames: milliseconds.length, pressed: await page.getAttribute('#camera', 'aria-pressed'), ...await said()};
  },
  /** Take a picture of the page: {file, width, height, dark}. */
  async screenshot({file, width, height, dark = false}) {
    await page.setViewportSize({width, height});
    await page.emulateMedia({colorScheme: dark ? 'dark' : 'light'});
    await page.screenshot({path: file, fullPage: false});
    return said();
  },
};

try {
  const told = [];
  for (const step of JSON.parse(readFileSync(steps))) told.push(await doing[step.do](step));
  console.log(JSON.stringify({told, elsewhere, troubles}));
} finally {
  await browser.close();
}

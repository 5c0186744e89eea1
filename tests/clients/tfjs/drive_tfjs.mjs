// Runs graph models in headless Chromium and prints their outputs as JSON, one for each case.
// node drive_tfjs.mjs URL CHROMIUM CASES.json, where CASES is a list of [folder, backend, pixels, shape, dtype].
import {readFileSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [url, executablePath, cases] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  // SwiftShader is the GPU in software that Chromium brings: WebGL runs without one in hardware.
  args: [
    '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
try {
  const page = await browser.newPage();
  await page.goto(url + 'page.html');
  const told = [];
  for (const each of JSON.parse(readFileSync(cases))) {
    told.push(await page.evaluate(each => run(...each).catch(error => ({error: String(error)})), each));
  }
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}

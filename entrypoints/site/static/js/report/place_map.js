// Choose a place by moving a map: the middle of the map is the place. Loaded on request only.
import { circleAround, makeMap } from "../map.js";
import { seen } from "./place.js";

const WORLD = [[20, 0], 2];
// The closest zoom at which the circle of a precision fits into the map.
const CLOSE = { street: 16, neighbourhood: 13, city: 10, region: 6 };
const DECIMALS = 3;

export async function openMap(element, form) {
  await Promise.all(element.dataset.styles.split(" ").map(addStyle));
  element.hidden = false;
  const map = makeMap(element);
  let circle = null;
  const shown = () => seen(form.elements.lat.value, form.elements.lon.value, form.elements.precision.value);
  const draw = () => {
    circle?.remove();
    const found = shown();
    if (!found) return;
    const [lat, lon] = found.middle;
    circle = circleAround({ lat, lon, precision: form.elements.precision.value }).addTo(map);
  };
  const close = () => CLOSE[form.elements.precision.value];
  let zoom = close();
  const follow = () => {
    if (shown() && (zoom !== close() || !isInMiddle(map, form))) {
      map.setView(pointOf(form), close(), { animate: false });
    }
    zoom = close();
    draw();
  };
  if (shown()) map.setView(pointOf(form), zoom);
  else map.setView(...WORLD);
  draw();
  map.on("moveend", () => take(map, form));
  form.addEventListener("input", follow);
}

function take(map, form) {
  if (isInMiddle(map, form)) return;
  const { lat, lng } = map.getCenter().wrap();
  form.elements.lat.value = lat.toFixed(DECIMALS);
  form.elements.lon.value = lng.toFixed(DECIMALS);
  form.dispatchEvent(new Event("input"));
}

function isInMiddle(map, form) {
  const { lat, lng } = map.getCenter().wrap();
  const near = (value, text) => Math.abs(value - Number(text.replace(",", "."))) <= 0.5 / 10 ** DECIMALS;
  return near(lat, form.elements.lat.value) && near(lng, form.elements.lon.value);
}

function pointOf(form) {
  return [form.elements.lat, form.elements.lon].map((field) => Number(field.value.replace(",", ".")));
}

function addStyle(address) {
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address });
    link.onload = resolve;
    link.onerror = reject;
    document.head.append(link);
  });
}

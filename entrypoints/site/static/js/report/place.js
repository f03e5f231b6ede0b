// Where it happened: the phone's own place if asked for, and a circle that shows what people will see.
const SVG = "http://www.w3.org/2000/svg";
// By precision: to how many decimals the API rounds, and within what distance that is, in metres.
const ROUNDED = {
  street: [3, 80],
  neighbourhood: [2, 800],
  city: [1, 8_000],
  region: [0, 80_000],
};
const METRES_OF_DEGREE = 111_195;
const MOST_DECIMALS = 3;
const DECIMAL = /^-?[0-9]+([.,][0-9]+)?$/;

export function preparePlace(form, words, fill) {
  const { lat, lon, precision } = form.elements;
  const slider = sliderFor(precision);
  const circle = drawnCircle(document.getElementById("circle"));
  const show = () => {
    slider.value = precision.selectedIndex;
    slider.setAttribute("aria-valuetext", precision.selectedOptions[0].text);
    slider.nextElementSibling.value = precision.selectedOptions[0].text;
    circle(seen(lat.value, lon.value, precision.value), words, fill);
  };
  slider.addEventListener("input", () => {
    precision.selectedIndex = slider.valueAsNumber;
  });
  form.addEventListener("input", show);
  document.getElementById("here").addEventListener("click", ({ target }) => {
    askPhone(form, target, words, show);
  });
  document.getElementById("open-map").addEventListener("click", ({ target }) => {
    openMap(form, target, words);
  });
  return show;
}

// The map is large, and needs a network: it is loaded when somebody wants it.
async function openMap(form, button, words) {
  button.disabled = true;
  try {
    const map = await import("./place_map.js");
    await map.openMap(document.getElementById("place-map"), form);
    button.hidden = true;
  } catch {
    button.disabled = false;
    tell(words["no-map"]);
  }
}

function tell(text) {
  const note = document.getElementById("place-help");
  note.textContent = text;
  note.setAttribute("role", "alert");
}

function sliderFor(select) {
  const slider = document.createElement("input");
  const output = document.createElement("output");
  Object.assign(slider, { type: "range", min: 0, max: select.options.length - 1, step: 1 });
  slider.id = "precision-slider";
  output.htmlFor = slider.id;
  document.querySelector('label[for="precision"]').htmlFor = slider.id;
  select.hidden = true;
  select.after(slider, output);
  return slider;
}

// Ask the phone. More than a street is not even kept in the draft.
function askPhone(form, button, words, show) {
  button.ariaBusy = "true";
  const found = ({ coords }) => {
    form.elements.lat.value = coords.latitude.toFixed(MOST_DECIMALS);
    form.elements.lon.value = coords.longitude.toFixed(MOST_DECIMALS);
    button.ariaBusy = "false";
    form.dispatchEvent(new Event("input"));
    show();
  };
  const failed = () => {
    button.ariaBusy = "false";
    tell(words["no-place"]);
  };
  if (navigator.geolocation) {
    navigator.geolocation.getCurrentPosition(found, failed, { timeout: 20_000 });
  } else {
    failed();
  }
}

function number(text) {
  return DECIMAL.test(text.trim()) ? Number(text.trim().replace(",", ".")) : Number.NaN;
}

// Return a coordinate as the API would round it: nothing more precise leaves the phone. What is no
// number is returned as it is; the API refuses it by the name of its field.
export function rounded(text, precision) {
  const value = number(text);
  return Number.isNaN(value) ? text : Number(value.toFixed(ROUNDED[precision][0]));
}

// Return what people will see: the middle of the circle, its radius, and where in it the point is.
export function seen(latText, lonText, precision) {
  const [lat, lon] = [number(latText), number(lonText)];
  if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180)) return null;
  const radius = ROUNDED[precision][1];
  const middle = [rounded(latText, precision), rounded(lonText, precision)];
  const east = (lon - middle[1]) * Math.cos((lat * Math.PI) / 180) * METRES_OF_DEGREE;
  const north = (lat - middle[0]) * METRES_OF_DEGREE;
  return { middle, radius, east: east / radius, north: north / radius };
}

function drawnCircle(place) {
  const picture = document.createElementNS(SVG, "svg");
  const [circle, middle, point] = [44, 1.5, 3].map((r) => {
    const shape = document.createElementNS(SVG, "circle");
    shape.setAttribute("r", r);
    picture.append(shape);
    return shape;
  });
  picture.setAttribute("viewBox", "-50 -50 100 100");
  picture.setAttribute("aria-hidden", "true");
  circle.setAttribute("class", "around");
  const caption = document.createElement("p");
  place.append(picture, caption);
  return (what, words, fill) => {
    place.hidden = !what;
    if (!what) return;
    middle.setAttribute("cx", 0);
    point.setAttribute("cx", what.east * 44);
    point.setAttribute("cy", what.north * -44);
    const distance = what.radius < 1000 ? `${what.radius} m` : `${what.radius / 1000} km`;
    const [lat, lon] = what.middle;
    caption.textContent = fill(words.circle, { distance, lat, lon });
  };
}

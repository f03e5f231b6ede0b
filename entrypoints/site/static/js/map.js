// Maps by Leaflet. Their ground is the operator's street map, or else land drawn by the server. The
// element of a map says where both are: `<div {{ maps.attributes() }}>` in its template.
import "../npm/leaflet.js";

export const L = window.L;
// As in entrypoints/site/map.py.
export const RADIUS_METRES = { street: 80, neighbourhood: 800, city: 8000, region: 80000 };
const LAND_ZOOM = 12; // as in entrypoints/site/ground.py
const MOST_ZOOM = 18;

// Return a Leaflet map in the element, without a view.
export function makeMap(element) {
  const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { zoomIn, zoomOut } = element.dataset;
  const map = L.map(element, {
    zoomControl: false,
    zoomAnimation: moves,
    fadeAnimation: moves,
    markerZoomAnimation: moves,
    worldCopyJump: true,
    minZoom: 1,
    maxZoom: MOST_ZOOM,
  });
  map.attributionControl.setPrefix(false);
  L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
  addGround(map, element.dataset);
  return map;
}

// Return the circle in which a place is, as precise as it is said to be.
export function circleAround({ lat, lon, precision }) {
  return L.circle([lat, lon], { radius: RADIUS_METRES[precision], className: "precision" });
}

function addGround(map, { land, streets, streetsZoom }) {
  L.tileLayer(land, { maxNativeZoom: LAND_ZOOM, attribution: "Natural Earth" }).addTo(map);
  if (streets) addStreets(map, new URL(streets, location).href, Number(streetsZoom));
}

async function addStreets(map, url, maxDataZoom) {
  await loadScript(new URL("../npm/protomaps-leaflet.js", import.meta.url));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [lang] = document.documentElement.lang.split("-");
  const layer = window.protomapsL.leafletLayer({
    url,
    maxDataZoom,
    lang,
    flavor: dark ? "dark" : "light",
  });
  layer.backgroundColor = undefined; // where the file has no streets, the land is seen
  layer.addTo(map);
}

function loadScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

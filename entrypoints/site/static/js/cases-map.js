// The cases of a search on a map that can be moved. All of them are in the list beside it.
import { L, makeMap } from "./map.js";

const APART = 46; // pixels, as in entrypoints/site/map.py
const CLOSEST = 12; // the zoom at which a single place is shown
const LEAST_SHARE = 0.05;

const section = document.querySelector("#map");
const words = section.dataset;
const cards = [...document.querySelectorAll("#found [data-lat]")];
const map = replaceDrawing();
const pins = L.layerGroup().addTo(map);

map.on("zoomend", showPins);
map.fitBounds(wanted(), { maxZoom: CLOSEST, animate: false });
showPins();
offerSearch();
section.addEventListener("keydown", ({ key }) => key === "Escape" && map.closePopup());

function replaceDrawing() {
  const element = document.createElement("div");
  Object.assign(element.dataset, words);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", words.name);
  section.querySelector("svg").replaceWith(element);
  section.querySelector(".without-scripts")?.remove();
  return makeMap(element);
}

function spotOf(card) {
  return L.latLng(card.dataset.lat, card.dataset.lon);
}

function wanted() {
  if (words.box) {
    const [west, south, east, north] = words.box.split(",").map(Number);
    return [[south, west], [north, east]];
  }
  return cards.length ? L.latLngBounds(cards.map(spotOf)).pad(LEAST_SHARE) : [[-60, -180], [75, 180]];
}

// Group the cards that would overlap at this zoom: each joins the first group that is near enough.
function groups() {
  const found = [];
  for (const card of cards) {
    const place = map.project(spotOf(card));
    const group = found.find((each) => each.place.distanceTo(place) < APART);
    if (group) group.cards.push(card);
    else found.push({ place, cards: [card] });
  }
  return found;
}

function showPins() {
  pins.clearLayers();
  for (const group of groups()) pins.addLayer(pinOf(group.cards));
}

function pinOf(members) {
  const bounds = L.latLngBounds(members.map(spotOf));
  const isOnePlace = bounds.getNorthEast().equals(bounds.getSouthWest());
  const label = members.length > 1 ? members.length.toLocaleString(document.documentElement.lang) : "";
  const icon = L.divIcon({ className: label ? "cluster" : "pin", html: label, iconSize: [44, 44] });
  const pin = L.marker(spotOf(members[0]), { icon });
  pin.on("add", () => name(pin, members));
  const open = () => (isOnePlace ? showLinks(pin, members) : map.fitBounds(bounds.pad(LEAST_SHARE)));
  pin.on("click", open);
  pin.on("keydown", ({ originalEvent }) => {
    if (!["Enter", " "].includes(originalEvent.key)) return;
    originalEvent.preventDefault();
    open();
  });
  return pin;
}

function showLinks(pin, members) {
  const popup = L.popup({ closeButton: false, offset: [0, -10] });
  popup.setLatLng(pin.getLatLng()).setContent(linksTo(members)).openOn(map);
  popup.getElement().querySelector("a").focus();
  popup.on("remove", () => pin.getElement()?.focus({ preventScroll: true }));
}

function name(pin, members) {
  const label = members.length > 1 ? `${words.cases} ${members.length}` : titleOf(members[0]);
  pin.getElement().setAttribute("aria-label", label);
}

function titleOf(card) {
  return card.querySelector("h3").textContent;
}

function linksTo(members) {
  const list = document.createElement("ul");
  for (const card of members) {
    const item = document.createElement("li");
    item.append(card.querySelector("h3 a").cloneNode(true));
    list.append(item);
  }
  return list;
}

// After the map was moved, a button searches where it is now. The list stays until then.
function offerSearch() {
  const button = document.createElement("button");
  button.textContent = words.searchHere;
  button.hidden = true;
  button.addEventListener("click", searchHere);
  section.querySelector(".leaflet-container").before(button);
  map.on("moveend", () => (button.hidden = false));
}

function searchHere() {
  const bounds = map.getBounds();
  const sides = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  const address = new URL(words.search, location);
  address.searchParams.set("bbox", sides.map((side) => side.toFixed(4)).join());
  location.assign(address);
}

// The cases of a search on a map that can be moved: those in the list beside it, or if the map shows
// more than these (data-clusters), what the API tells of each part of it.
import { L, makeMap } from "./map.js";

const APART = 46; // pixels, as in entrypoints/site/map.py
const CLOSEST = 12; // the zoom at which a single place is shown
const LEAST_SHARE = 0.05;
const PARTED = 16; // from this zoom on, cases that are still together are at one place
const MOST_LINKS = 20;

const section = document.querySelector("#map");
const words = section.dataset;
const cards = [...document.querySelectorAll("#found [data-lat]")];
const map = replaceDrawing();
const pins = L.layerGroup().addTo(map);

let latest = 0;
map.fitBounds(wanted(), { maxZoom: CLOSEST, animate: false });
map.on(words.clusters ? "moveend" : "zoomend", showPins);
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

function wanted() {
  if (words.box) {
    const [west, south, east, north] = words.box.split(",").map(Number);
    return [[south, west], [north, east]];
  }
  const spots = cards.map(({ dataset }) => [dataset.lat, dataset.lon]);
  return cards.length ? L.latLngBounds(spots).pad(LEAST_SHARE) : [[-60, -180], [75, 180]];
}

async function showPins() {
  const number = ++latest;
  const shown = words.clusters ? await clustersHere() : cards.map(pinOfCard);
  if (number !== latest) return;
  pins.clearLayers();
  for (const group of groups(shown)) pins.addLayer(markerOf(group));
}

function pinOfCard(card) {
  const spot = L.latLng(card.dataset.lat, card.dataset.lon);
  return { spot, bounds: L.latLngBounds(spot, spot), count: 1, link: card.querySelector("h3 a") };
}

// Return a pin for each cluster of the part of the map that is shown, the largest first.
async function clustersHere() {
  const query = new URLSearchParams({ bbox: boxOf(map.getBounds()), zoom: map.getZoom() });
  const found = (await get(`/v1/cases/clusters?${query}`)).flatMap(ofCategory);
  const single = found.map((cluster) => cluster.case_id).filter(Boolean);
  const links = single.length ? await linksOf(`case_ids=${single.slice(0, 100)}&limit=100`) : [];
  const known = new Map(links.map((link) => [link.pathname, link]));
  return found
    .map((cluster) => pinOfCluster(cluster, known.get(`/cases/${cluster.case_id}`)))
    .sort((one, other) => other.count - one.count);
}

function ofCategory(cluster) {
  if (words.clusters === "all") return [cluster];
  const parts = cluster.categories.filter(({ category }) => category === words.clusters);
  return parts.map((part) => ({ ...part, bbox: cluster.bbox }));
}

function pinOfCluster({ lat, lon, bbox, count }, link) {
  const [west, south, east, north] = bbox.split(",").map(Number);
  const spot = nearest(L.latLng(lat, lon));
  const moved = spot.lng - lon;
  const bounds = L.latLngBounds([south, west + moved], [north, east + moved]);
  return { spot, bounds, bbox, count, link };
}

// Return the spot in the repeated world that is shown.
function nearest({ lat, lng }) {
  return L.latLng(lat, lng + 360 * Math.round((map.getCenter().lng - lng) / 360));
}

async function get(address) {
  const answer = await fetch(address);
  return answer.ok ? (await answer.json()).items : [];
}

async function linksOf(query) {
  const cases = await get(`/v1/cases?${query}`);
  return cases.map(({ case_id, title }) =>
    Object.assign(document.createElement("a"), { href: `/cases/${case_id}`, textContent: title }),
  );
}

// Group the pins that would overlap at this zoom: each joins the first group that is near enough.
function groups(shown) {
  const found = [];
  for (const pin of shown) {
    const place = map.project(pin.spot);
    const group = found.find((each) => each.place.distanceTo(place) < APART);
    if (group) group.pins.push(pin);
    else found.push({ place, pins: [pin] });
  }
  return found.map(({ pins: members }) => members);
}

function markerOf(members) {
  const count = members.reduce((sum, pin) => sum + pin.count, 0);
  const bounds = L.latLngBounds(members.flatMap((pin) => [pin.bounds.getSouthWest(), pin.bounds.getNorthEast()]));
  const label = count > 1 ? count.toLocaleString(document.documentElement.lang) : "";
  const icon = L.divIcon({ className: label ? "cluster" : "pin", html: label, iconSize: [44, 44] });
  const marker = L.marker(members[0].spot, { icon });
  const name = count > 1 ? `${words.cases} ${count}` : members[0].link?.textContent;
  marker.on("add", () => marker.getElement().setAttribute("aria-label", name ?? words.cases));
  const isOnePlace = bounds.getNorthEast().equals(bounds.getSouthWest());
  const cannotPart = isOnePlace || count === 1 || (words.clusters && map.getZoom() >= PARTED);
  const open = async () =>
    cannotPart ? showLinks(marker, await linksIn(members)) : map.fitBounds(bounds.pad(LEAST_SHARE));
  marker.on("click", open);
  marker.on("keydown", ({ originalEvent }) => {
    if (!["Enter", " "].includes(originalEvent.key)) return;
    originalEvent.preventDefault();
    open();
  });
  return marker;
}

async function linksIn(members) {
  const links = members.map(({ link, bbox }) => {
    const category = words.clusters === "all" ? "" : `&category=${words.clusters}`;
    return link ? [link.cloneNode(true)] : linksOf(`bbox=${bbox}${category}&limit=${MOST_LINKS}`);
  });
  return (await Promise.all(links)).flat();
}

function showLinks(marker, links) {
  const popup = L.popup({ closeButton: false, offset: [0, -10] });
  popup.setLatLng(marker.getLatLng()).setContent(listOf(links)).openOn(map);
  popup.getElement().querySelector("a")?.focus();
  popup.on("remove", () => marker.getElement()?.focus({ preventScroll: true }));
}

function listOf(links) {
  const list = document.createElement("ul");
  for (const link of links) {
    const item = document.createElement("li");
    item.append(link);
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
  const address = new URL(words.search, location);
  address.searchParams.set("bbox", boxOf(map.getBounds()));
  location.assign(address);
}

function boxOf(bounds) {
  const sides = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  return sides.map((side) => side.toFixed(4)).join();
}

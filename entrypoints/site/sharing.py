"""Where people share a case, and the addresses that lead there."""

from urllib.parse import quote

from entrypoints.site.excerpts import shortened

PAGES = {
    "whatsapp": "https://wa.me/?text={both}",
    "telegram": "https://t.me/share/url?url={url}&text={text}",
    "facebook": "https://www.facebook.com/sharer/sharer.php?u={url}",
    "x": "https://x.com/intent/post?url={url}&text={text}",
    "mastodon": "https://share.joinmastodon.org/#text={both}",
    "bluesky": "https://bsky.app/intent/compose?text={both}",
    "linkedin": "https://www.linkedin.com/sharing/share-offsite/?url={url}",
    "email": "mailto:?subject={text}&body={both}",
}
LONGEST_TEXT = 120


def share_addresses(url: str, title: str) -> dict[str, str]:
    """Return by network the address of a page on which a person shares the case."""
    text = shortened(title, LONGEST_TEXT)
    parts = {"url": url, "text": text, "both": f"{text} {url}"}
    quoted = {name: quote(part, safe="") for name, part in parts.items()}
    return {network: page.format(**quoted) for network, page in PAGES.items()}

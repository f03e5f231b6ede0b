"""Public addresses of this instance."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from application.queries.case_document import CaseDocument, Exhibit


@dataclass(frozen=True, slots=True)
class Links:
    """Makes absolute addresses below ``public_url``."""

    public_url: str

    def page(self, case: CaseDocument) -> str:
        return f"{self.public_url}/share/{case.case_id}"

    def data(self, case: CaseDocument) -> str:
        return f"{self.public_url}/v1/cases/{case.case_id}"

    def oembed(self, case: CaseDocument) -> str:
        return f"{self.public_url}/oembed?url={quote(self.page(case), safe='')}&format=json"

    def picture(self, exhibit: Exhibit) -> str:
        return f"{self.public_url}{exhibit.poster_url}"

    def case_id(self, url: str) -> str:
        """Return the id of the case that the address is the page of, or ""."""
        try:
            asked = urlsplit(url)
        except ValueError:
            return ""
        ours = asked.netloc.lower() == urlsplit(self.public_url).netloc.lower()
        before, _, case_id = asked.path.rstrip("/").rpartition("/")
        return case_id if ours and before == "/share" else ""

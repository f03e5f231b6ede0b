"""Public addresses of this instance."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from application.queries.case_document import CaseDocument, CaseEvidence


def media_addresses(evidence_id: str) -> dict[str, str]:
    """Return the paths of the poster and of the rendition of evidence, by their names in JSON."""
    path = f"/v1/evidence/{evidence_id}"
    return {"poster_url": f"{path}/poster", "content_url": f"{path}/content"}


@dataclass(frozen=True, slots=True)
class Links:
    """Makes absolute addresses below ``public_url``."""

    public_url: str

    def page(self, case: CaseDocument) -> str:
        return f"{self.public_url}/cases/{case.case_id}"

    def data(self, case_id: str) -> str:
        return f"{self.public_url}/v1/cases/{case_id}"

    def picture(self, evidence: CaseEvidence) -> str:
        return f"{self.public_url}{media_addresses(evidence.evidence_id)['poster_url']}"

    def case_id(self, url: str) -> str:
        """Return the id of the case that the address is the page of, or ""."""
        try:
            asked = urlsplit(url)
        except ValueError:
            return ""
        ours = asked.netloc.lower() == urlsplit(self.public_url).netloc.lower()
        before, _, case_id = asked.path.rstrip("/").rpartition("/")
        return case_id if ours and before in ("/cases", "/share") else ""

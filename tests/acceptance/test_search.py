"""People find public cases by words, wherever they stand."""

from uuid import uuid4

import pytest

from tests.system.phone import Phone, assert_becomes, is_public

pytestmark = pytest.mark.system


def found(phone: Phone, path: str) -> list[str]:
    return [item["case_id"] for item in phone.get(path).json()["items"]]


class TestSearch:
    @pytest.mark.every_deployment("the search index and the read models have to agree")
    def test_a_case_is_found_by_the_words_of_its_author_and_of_others(
        self, anna: Phone, ben: Phone, photo: str, passer_by: Phone
    ) -> None:
        word, said, tag = (uuid4().hex for _ in range(3))
        body = {"title": f"Bribe {word}", "category": "bribery", "evidence": [photo], "tags": [tag]}
        case_id = anna.report(**body).json()["case_id"]
        anna.case_when(case_id, is_public)
        assert_becomes(lambda: found(passer_by, f"/v1/search?q=bribes {word}"), [case_id])
        assert_becomes(lambda: found(passer_by, f"/v1/cases?q={word}"), [case_id])
        ben.call("POST", f"/v1/cases/{case_id}/comments", {"text": f"Me too: {said}"})
        assert_becomes(lambda: found(passer_by, f"/v1/search?q={word} {said}"), [case_id])

        reply = passer_by.get(f"/v1/search?q={word}&category=bribery").json()
        (item,) = reply["items"]
        assert [piece["text"] for piece in item["highlights"]["title"] if piece["found"]] == [word]
        assert reply["facets"] == {"category": {"bribery": 1}, "tags": {tag: 1}}
        assert found(passer_by, f"/v1/search?q={word}&category=fraud") == []
        suggested = passer_by.get(f"/v1/search/suggest?q=bribe {word[:9]}").json()
        assert suggested == {"items": [{"text": f"bribe {word}"}]}

        reply = anna.call("DELETE", f"/v1/cases/{case_id}")
        token = {"Klarity_Token": reply.headers["Klarity-Token"]}
        assert passer_by.get(f"/v1/search?q={word}", **token).json()["items"] == []
        assert passer_by.get(f"/v1/cases?q={word}", **token).json()["items"] == []

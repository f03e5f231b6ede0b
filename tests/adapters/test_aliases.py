"""Aliases: they are connected by the key of the member only."""

from uuid import UUID, uuid4

import pytest

from adapters.key_vault.aliases import VaultAliases
from adapters.key_vault.memory import MemoryKeyVault
from tests.world import refused


@pytest.fixture
def vault() -> MemoryKeyVault:
    return MemoryKeyVault()


@pytest.fixture
def aliases(vault: MemoryKeyVault) -> VaultAliases:
    return VaultAliases(vault)


@pytest.fixture
def ann(vault: MemoryKeyVault) -> str:
    return member(vault)


@pytest.fixture
def ben(vault: MemoryKeyVault) -> str:
    return member(vault)


def member(vault: MemoryKeyVault) -> str:
    """The id of a member, who has a key."""
    member_id = str(uuid4())
    vault.make_key(member_id)
    return member_id


def test_an_alias_belongs_to_its_member_only(aliases: VaultAliases, ann: str, ben: str) -> None:
    alias = aliases.of(ann, "case/1")
    assert str(UUID(alias)) == alias
    assert aliases.of(ann, "case/1") == alias
    assert aliases.is_own(ann, alias)
    assert not aliases.is_own(ben, alias)
    aliases.of(ben, "case/1")
    assert not aliases.is_own(ben, alias)


def test_aliases_of_one_member_have_nothing_in_common(
    aliases: VaultAliases, ann: str, ben: str
) -> None:
    names = [f"case/{number}" for number in range(100)]
    own = [UUID(aliases.of(ann, name)).bytes for name in names]
    others = [UUID(aliases.of(ben, name)).bytes for name in names]
    assert len({each[:8] for each in own}) == len({each[8:] for each in own + others}) / 2 == 100
    assert [each[:8] for each in own] == [each[:8] for each in others]


def test_members_own_their_own_id_and_no_member_owns_an_empty_one(
    aliases: VaultAliases, ann: str
) -> None:
    assert aliases.is_own(ann, ann)
    assert not aliases.is_own(ann, str(uuid4()))
    assert not aliases.is_own(ann, "")
    assert not aliases.is_own("", "")
    aliases.of(ann, "case/1")
    assert not aliases.is_own(ann, "no alias")


def test_an_erased_member_gets_no_new_alias(
    vault: MemoryKeyVault, aliases: VaultAliases, ann: str
) -> None:
    alias = aliases.of(ann, "case/1")
    vault.destroy(ann)
    with refused("erased"):
        aliases.of(ann, "case/1")
    assert aliases.is_own(ann, alias)


def test_aliases_cannot_be_connected_after_their_key_is_destroyed(
    aliases: VaultAliases, ann: str
) -> None:
    alias = aliases.of(ann, "case/1")
    aliases.destroy(ann)
    assert not aliases.is_own(ann, alias)
    with refused("erased"):
        aliases.of(ann, "case/2")

"""The store contract: every promise of `EventStore` as a test, in topics that a store inherits.

    class TestMyStore(StoreContract):
        store_name = "mystore"

        def url(self, place: Path) -> str:
            return f"mystore://{place}/events"

A test whose power the store does not declare is skipped, with one uniform reason; no other is.
"""

from __future__ import annotations

from backstory.testing.contract.append import AppendTopic
from backstory.testing.contract.closing import ClosingTopic
from backstory.testing.contract.durability import DurabilityTopic
from backstory.testing.contract.expected_revision import ExpectedRevisionTopic
from backstory.testing.contract.idempotent_retry import IdempotentRetryTopic
from backstory.testing.contract.input_refused import InputRefusedTopic
from backstory.testing.contract.listing_names import ListingNamesTopic
from backstory.testing.contract.modelled import ModelledTopic
from backstory.testing.contract.ordering import OrderingTopic
from backstory.testing.contract.paging import PagingTopic
from backstory.testing.contract.reading import ReadingTopic
from backstory.testing.contract.recorded_time import RecordedTimeTopic
from backstory.testing.contract.retaining import RetainingTopic
from backstory.testing.contract.searching import SearchingTopic
from backstory.testing.contract.several import SeveralTopic
from backstory.testing.contract.several_repeated import SeveralRepeatedTopic
from backstory.testing.contract.several_together import SeveralTogetherTopic
from backstory.testing.contract.sharing import SharingTopic
from backstory.testing.contract.subscribing import SubscribingTopic
from backstory.testing.contract.topic import Topic
from backstory.testing.contract.verifying import VerifyingTopic
from backstory.testing.contract.waiting import WaitingTopic
from backstory.testing.making import Opener

__all__ = ["Opener", "StoreContract", "Topic"]


class StoreContract(
    AppendTopic,
    ExpectedRevisionTopic,
    IdempotentRetryTopic,
    InputRefusedTopic,
    ReadingTopic,
    PagingTopic,
    OrderingTopic,
    RecordedTimeTopic,
    WaitingTopic,
    SubscribingTopic,
    ClosingTopic,
    DurabilityTopic,
    SharingTopic,
    SeveralTopic,
    SeveralRepeatedTopic,
    SeveralTogetherTopic,
    VerifyingTopic,
    SearchingTopic,
    ListingNamesTopic,
    RetainingTopic,
    ModelledTopic,
):
    """The whole contract; see `Topic` for what a store says of itself."""

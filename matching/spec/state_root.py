"""State root (rules 3.2): sparse Merkle trees over the pages of every arena, joined under one digest."""

from __future__ import annotations

from matching.codec import Arena
from matching.spec.pages import RECORDS_PER_PAGE, read_page
from matching.spec.poseidon2 import TAG_BOOKS_SALT, TAG_PAGE, ZERO_DIGEST, Permutation, absorb, node, permute
from matching.spec.state import State

DEPTHS = {
    Arena.ACCOUNT: 24,
    Arena.VOLUME_RING: 23,
    Arena.SIGNER: 26,
    Arena.ORDER: 21,
    Arena.LEVEL: 29,
    Arena.TRIE: 23,
    Arena.BOOK_HEAD: 6,
    Arena.ADL_PLAN: 7,
    Arena.MARKET_CONFIG: 6,
    Arena.MARKET_STATE: 6,
}
BOOK_ARENAS = (
    Arena.VOLUME_RING,
    Arena.SIGNER,
    Arena.ORDER,
    Arena.LEVEL,
    Arena.TRIE,
    Arena.BOOK_HEAD,
    None,
    Arena.ADL_PLAN,
)


def leaf(arena: Arena, page: bytes, permutation: Permutation = permute) -> bytes:
    """Digest of a page; a page of zeros has the digest zero."""
    return absorb(TAG_PAGE, page, arena=arena, permutation=permutation) if any(page) else ZERO_DIGEST


class SparseTree:
    """A Merkle tree of which only the non-zero nodes are kept."""

    def __init__(self, depth: int, permutation: Permutation) -> None:
        self.depth = depth
        self.permutation = permutation
        self.layers: list[dict[int, bytes]] = [{} for _ in range(depth + 1)]

    @property
    def root(self) -> bytes:
        return self.layers[self.depth].get(0, ZERO_DIGEST)

    def update(self, leaves: dict[int, bytes]) -> None:
        """Sets leaves by index and recomputes the nodes above them."""
        self.layers[0].update(leaves)
        changed = set(leaves)
        for height in range(self.depth):
            below, above = self.layers[height], self.layers[height + 1]
            changed = {index // 2 for index in changed}
            for index in changed:
                left, right = below.get(2 * index, ZERO_DIGEST), below.get(2 * index + 1, ZERO_DIGEST)
                above[index] = node(left, right, permutation=self.permutation)


class StateHasher:
    """Keeps the trees of a state; each call of `root` brings them up to date."""

    def __init__(self, permutation: Permutation = permute) -> None:
        self.permutation = permutation
        self.trees = {arena: SparseTree(depth, permutation) for arena, depth in DEPTHS.items()}
        self.hashed: dict[tuple[Arena, int], bytes] = {}  # page bytes behind each leaf

    def root(self, state: State, touched: set[tuple[Arena, int]]) -> bytes:
        """The state root; `touched` names at least every record changed since the last call."""
        self._update_trees(state, touched)
        roots = [self.trees[arena].root if arena else ZERO_DIGEST for arena in BOOK_ARENAS]
        books = self._absorb(TAG_BOOKS_SALT, state.system.books_salt + self._fold(roots))
        markets = self._node(self.trees[Arena.MARKET_CONFIG].root, self.trees[Arena.MARKET_STATE].root)
        system = leaf(Arena.SYSTEM, read_page(state, Arena.SYSTEM, 0), self.permutation)
        accounts = self.trees[Arena.ACCOUNT].root
        return self._node(self._node(accounts, books), self._node(markets, system))

    def _update_trees(self, state: State, touched: set[tuple[Arena, int]]) -> None:
        changed: dict[Arena, dict[int, bytes]] = {}
        for arena, page in {(arena, index // RECORDS_PER_PAGE.get(arena, 1)) for arena, index in touched}:
            if arena is Arena.SYSTEM:
                continue
            image = read_page(state, arena, page)
            if self.hashed.get((arena, page), bytes(len(image))) != image:
                self.hashed[arena, page] = image
                changed.setdefault(arena, {})[page] = leaf(arena, image, self.permutation)
        for arena, leaves in changed.items():
            self.trees[arena].update(leaves)

    def _fold(self, digests: list[bytes]) -> bytes:
        while len(digests) > 1:
            digests = [self._node(digests[i], digests[i + 1]) for i in range(0, len(digests), 2)]
        return digests[0]

    def _node(self, left: bytes, right: bytes) -> bytes:
        return node(left, right, permutation=self.permutation)

    def _absorb(self, tag: int, data: bytes) -> bytes:
        return absorb(tag, data, permutation=self.permutation)

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HeightOutOfBounds, ShapeNotListed, TooManyVariables, WrongChipCount} from "./Errors.sol";

// The verifying key as the verifier holds it, and the shapes that follow from it and the heights (proof system, section 6).
//
// Tables (code of a data contract after one zero byte, copied to memory; written by zk/solidity/tables.py):
//   0  chips C u8 | parameter rows u8 | public values V u8 | public terms u8 | log_rows_min u8 | log_inv_rate u8 | 10 x 0
//  16  C x 16: height min u8 | max u8 | optional u8 | virtual columns u8 | main u16 | preprocessed u16 | interactions u16
//              | virtual kinds u8 x 6
//   .  V x 8: smallest u32 | largest u32 admissible public value
//   .  rows x 64: l u8 | k_0 u8 | rounds u8 | m_M u8 | 7 x (k_i u8 | D_i u8 | t_i u8 | grinding bits u8) | PRE root
//   .  terms: bus u8 | negative u8 | entries u8 | 0 | entries x (constant u32 | public value u8, 255 = none)

uint256 constant ABSENT = 255;
uint256 constant VARIABLES_MAX = 29;

struct Shape {
    uint256 tables; // memory address of the tables
    uint256 chipCount;
    uint256[] heights; // per chip of the key; 255 = absent
    uint256[] order; // present chips by descending height, then number
    uint256 nmax; // largest height
    uint256 variables; // N of the fraction tree
    uint256 logRows; // l
    uint256 mainWidth; // stack columns
    uint256 preprocessedStart;
    uint256 preprocessedWidth;
    uint256 mainCount; // chip columns
    uint256 columnCount; // chip columns of both trees
    uint256 interactionCount;
    uint256 schedule; // row without its PRE root: l and 31 bytes from k_0 on
    bytes32 preprocessedRoot;
}

function tableByte(Shape memory s, uint256 offset) pure returns (uint256 value) {
    uint256 tables = s.tables;
    assembly ("memory-safe") {
        value := byte(0, mload(add(tables, offset)))
    }
}

/// Entry of chip c: 16 bytes in the high half of the word.
function chipEntry(Shape memory s, uint256 c) pure returns (uint256 entry) {
    uint256 tables = s.tables;
    assembly ("memory-safe") {
        entry := mload(add(tables, add(16, shl(4, c))))
    }
}

function mainColumns(uint256 entry) pure returns (uint256) {
    return (entry >> 208) & 0xffff;
}

function preprocessedColumns(uint256 entry) pure returns (uint256) {
    return (entry >> 192) & 0xffff;
}

function interactionsOf(uint256 entry) pure returns (uint256) {
    return (entry >> 176) & 0xffff;
}

function virtualColumns(uint256 entry) pure returns (uint256) {
    return (entry >> 224) & 0xff;
}

/// Kind of virtual column i < 6.
function virtualKind(uint256 entry, uint256 i) pure returns (uint256) {
    return (entry >> (168 - 8 * i)) & 0xff;
}

/// Memory address of the bounds of the public values.
function publicBounds(Shape memory s) pure returns (uint256) {
    return s.tables + 16 + 16 * s.chipCount;
}

/// Memory address of the parameter rows.
function parameterRows(Shape memory s) pure returns (uint256) {
    return publicBounds(s) + 8 * tableByte(s, 2);
}

/// Memory address of the public terms.
function publicTerms(Shape memory s) pure returns (uint256) {
    return parameterRows(s) + 64 * tableByte(s, 1);
}

function logCeil(uint256 x) pure returns (uint256) {
    return x < 2 ? 0 : 256 - leadingZeros(x - 1);
}

function leadingZeros(uint256 x) pure returns (uint256 zeros) {
    assembly ("memory-safe") {
        zeros := clz(x)
    }
}

/// Copies the tables from the data contract.
function loadTables(Shape memory s, address data) view {
    uint256 tables;
    assembly ("memory-safe") {
        tables := mload(0x40)
        let length := sub(extcodesize(data), 1)
        extcodecopy(data, tables, 1, length)
        mstore(0x40, add(tables, and(add(length, 63), not(31))))
    }
    s.tables = tables;
    s.chipCount = tableByte(s, 0);
}

/// Reads the heights at `position` of calldata (one byte per chip) against the bounds of the key and derives every shape.
function deriveShape(Shape memory s, uint256 position) pure {
    readHeights(s, position);
    sortChips(s);
    uint256 cells = 0;
    uint256 leaves = 0;
    uint256 preprocessedCells = 0;
    uint256 preprocessedHeight = 0;
    uint256 preprocessedCount = 0;
    unchecked {
        for (uint256 i = 0; i < s.order.length; i++) {
            uint256 c = s.order[i];
            uint256 entry = chipEntry(s, c);
            uint256 height = s.heights[c];
            cells += mainColumns(entry) << height;
            leaves += interactionsOf(entry) << height;
            s.mainCount += mainColumns(entry);
            s.interactionCount += interactionsOf(entry);
            uint256 own = preprocessedColumns(entry);
            if (own != 0) {
                preprocessedCount += own;
                preprocessedCells += own << height;
                if (height > preprocessedHeight) preprocessedHeight = height;
            }
        }
        s.columnCount = s.mainCount + preprocessedCount;
        s.nmax = s.heights[s.order[0]];
        s.variables = logCeil(leaves);
        if (s.variables > VARIABLES_MAX || s.nmax > s.variables) revert TooManyVariables(s.variables);

        uint256 logCells = logCeil(cells);
        uint256 logColumns = logCells <= 21 ? 5 : logCells <= 24 ? 6 : 7; // kappa*
        uint256 logRows = tableByte(s, 4);
        if (logCells > logRows + logColumns) logRows = logCells - logColumns;
        s.logRows = logRows;
        uint256 row = (1 << logRows) - 1;
        s.mainWidth = (cells + row) >> logRows;
        uint256 width = s.mainWidth;
        if (preprocessedCount != 0) {
            uint256 step = preprocessedHeight > logRows ? preprocessedHeight - logRows : 0;
            s.preprocessedStart = ((width + (1 << step) - 1) >> step) << step;
            s.preprocessedWidth = (preprocessedCells + row) >> logRows;
            width = s.preprocessedStart + s.preprocessedWidth;
        }
        uint256 k0 = logCeil(width);
        if (k0 != logColumns && k0 != logColumns + 1) revert ShapeNotListed(logRows, k0);
        selectRow(s, logRows, k0);
    }
}

function readHeights(Shape memory s, uint256 position) pure {
    uint256 chips = s.chipCount;
    s.heights = new uint256[](chips);
    for (uint256 c = 0; c < chips; c++) {
        uint256 height;
        assembly ("memory-safe") {
            height := byte(0, calldataload(add(position, c)))
        }
        uint256 entry = chipEntry(s, c);
        bool listed = height >= entry >> 248 && height <= (entry >> 240) & 0xff;
        bool omitted = height == ABSENT && (entry >> 232) & 0xff == 1;
        if (!listed && !omitted) revert HeightOutOfBounds(c, height);
        s.heights[c] = height;
    }
}

/// Present chips, highest first; equal heights in the order of the key (insertion sort).
function sortChips(Shape memory s) pure {
    uint256[] memory order = new uint256[](s.chipCount);
    uint256 count = 0;
    unchecked {
        for (uint256 c = 0; c < s.chipCount; c++) {
            uint256 height = s.heights[c];
            if (height == ABSENT) continue;
            uint256 place = count++;
            while (place > 0 && s.heights[order[place - 1]] < height) {
                order[place] = order[place - 1];
                place--;
            }
            order[place] = c;
        }
    }
    if (count == 0) revert WrongChipCount(1, 0);
    assembly ("memory-safe") {
        mstore(order, count)
    }
    s.order = order;
}

function selectRow(Shape memory s, uint256 logRows, uint256 k0) pure {
    uint256 row = parameterRows(s);
    uint256 finish = publicTerms(s);
    for (; row < finish; row += 64) {
        uint256 word;
        assembly ("memory-safe") {
            word := mload(row)
        }
        if (word >> 248 == logRows && (word >> 240) & 0xff == k0) {
            bytes32 root;
            assembly ("memory-safe") {
                root := mload(add(row, 32))
            }
            s.schedule = word;
            s.preprocessedRoot = root;
            return;
        }
    }
    revert ShapeNotListed(logRows, k0);
}

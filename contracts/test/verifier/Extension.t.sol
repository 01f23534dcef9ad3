// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NotCanonical} from "../../src/verifier/Errors.sol";
import {
    P,
    R,
    R2,
    canonical,
    challengeFromWord,
    fold,
    isZero,
    mul,
    readExtension,
    scale,
    sub,
    subCanonical
} from "../../src/verifier/Extension.sol";
import {Base} from "../Base.sol";

/// The packed arithmetic against a coefficient-by-coefficient reference.
contract ExtensionTest is Base {
    uint256 internal constant REDUCED_MAX = P + 2 ** 27 - 1;
    uint256 internal constant SECOND_MAX = 6_500_000_000;
    uint256 internal constant INVERSE_OF_R = 4_129_024; // checked by test_the_constants_are_powers_of_two_mod_p

    function checkEq(uint256 found, uint256 expected) internal pure {
        checkEq(found, expected, "value");
    }

    function pack(uint256[5] memory c) internal pure returns (uint256 x) {
        for (uint256 i = 0; i < 5; i++) {
            x |= c[i] << (51 * i);
        }
    }

    function digits(uint256 seed, uint256 bound) internal pure returns (uint256[5] memory c) {
        for (uint256 i = 0; i < 5; i++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            // extreme digits are likely
            c[i] = draw % 4 == 0 ? bound : draw % 4 == 1 ? bound - (draw >> 8) % 3 : (draw >> 8) % (bound + 1);
        }
    }

    function slowMul(uint256[5] memory a, uint256[5] memory b) internal pure returns (uint256[5] memory c) {
        uint256[9] memory t;
        for (uint256 i = 0; i < 5; i++) {
            for (uint256 j = 0; j < 5; j++) {
                t[i + j] = (t[i + j] + (a[i] % P) * (b[j] % P)) % P;
            }
        }
        for (uint256 k = 8; k > 4; k--) {
            t[k - 5] = (t[k - 5] + t[k]) % P;
            t[k - 3] = (t[k - 3] + P - t[k]) % P;
        }
        for (uint256 i = 0; i < 5; i++) {
            c[i] = t[i];
        }
    }

    function times(uint256[5] memory a, uint256 s) internal pure returns (uint256[5] memory c) {
        for (uint256 i = 0; i < 5; i++) {
            c[i] = mulmod(a[i], s, P);
        }
    }

    function checkReduced(uint256 x) internal pure {
        for (uint256 i = 0; i < 5; i++) {
            check(((x >> (51 * i)) & (2 ** 51 - 1)) <= REDUCED_MAX, "digit too large");
        }
        check(x >> 255 == 0, "word too large");
    }

    function test_the_constants_are_powers_of_two_mod_p() external pure {
        checkEq(R, 2 ** 40 % P);
        checkEq(R2, 2 ** 80 % P);
        checkEq(mulmod(R, INVERSE_OF_R, P), 1);
    }

    function test_golden_product() external pure {
        uint256 a = pack([uint256(1), 2, 3, 4, 5]);
        uint256 b = pack([uint256(6), 7, 8, 9, 10]);
        checkEq(canonical(mul(mul(a, R2), b)), pack([uint256(70), 125, 61, 14, 25]));
        uint256 inverse = pack([uint256(1_611_162_735), 1_325_413_701, 869_369_788, 708_311_242, 352_135_173]);
        checkEq(canonical(mul(mul(a, R2), inverse)), 1);
    }

    function test_fuzz_mul_equals_the_reference_up_to_its_bounds(uint256 seedA, uint256 seedB) external pure {
        uint256[5] memory a = digits(seedA, REDUCED_MAX);
        uint256[5] memory b = digits(seedB, SECOND_MAX);
        uint256 r = mul(pack(a), pack(b));
        checkReduced(r);
        checkEq(canonical(r), pack(times(slowMul(a, b), INVERSE_OF_R)));
    }

    function test_mul_holds_at_the_extreme_digits() external pure {
        for (uint256 mask = 0; mask < 1024; mask++) {
            uint256[5] memory a;
            uint256[5] memory b;
            for (uint256 i = 0; i < 5; i++) {
                a[i] = (mask >> i) & 1 == 1 ? REDUCED_MAX : 0;
                b[i] = (mask >> (5 + i)) & 1 == 1 ? SECOND_MAX : 65_535;
            }
            uint256 r = mul(pack(a), pack(b));
            checkReduced(r);
            checkEq(canonical(r), pack(times(slowMul(a, b), INVERSE_OF_R)));
        }
    }

    function test_fuzz_scale_equals_the_reference(uint256 seed, uint256 s) external pure {
        s %= P;
        uint256[5] memory a = digits(seed, REDUCED_MAX);
        uint256 r = scale(pack(a), s);
        checkReduced(r);
        checkEq(canonical(r), pack(times(times(a, s), INVERSE_OF_R)));
    }

    function test_fuzz_fold_keeps_the_element(uint256 seed) external pure {
        uint256[5] memory a = digits(seed, 2 ** 34 - 1);
        uint256 r = fold(pack(a));
        checkReduced(r);
        checkEq(canonical(r), canonical(pack(a)));
        a = digits(seed, 2 ** 51 - 1);
        checkEq(canonical(fold(pack(a))), canonical(pack(a)));
    }

    function test_fuzz_differences(uint256 seedA, uint256 seedB) external pure {
        uint256[5] memory a = digits(seedA, REDUCED_MAX);
        uint256[5] memory b = digits(seedB, REDUCED_MAX);
        uint256[5] memory d;
        for (uint256 i = 0; i < 5; i++) {
            d[i] = (a[i] + 2 * P - b[i]) % P;
        }
        checkEq(canonical(sub(pack(a), pack(b))), pack(d));
        checkEq(canonical(subCanonical(pack(a), canonical(pack(b)))), pack(d));
    }

    function test_fuzz_is_zero_exactly_for_multiples_of_p(uint256 seed, uint256 i) external pure {
        uint256[5] memory a;
        for (uint256 j = 0; j < 5; j++) {
            a[j] = (uint256(keccak256(abi.encode(seed, j))) % 2 ** 19) * P;
        }
        check(isZero(pack(a)), "multiples of p");
        a[i % 5] += 1 + seed % (P - 1);
        check(!isZero(pack(a)), "one digit is not");
    }

    function decode(bytes calldata data) external pure returns (uint256 x) {
        uint256 position;
        assembly {
            position := data.offset
        }
        return readExtension(position);
    }

    function encode(uint256[5] memory c) internal pure returns (bytes memory) {
        return abi.encodePacked(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]), uint32(c[4]));
    }

    function test_fuzz_decoding_accepts_canonical_elements_only(uint256 seed, uint256 i, uint256 excess) external view {
        uint256[5] memory c = digits(seed, P - 1);
        checkEq(this.decode(encode(c)), pack(c));
        c[i % 5] = P + excess % (2 ** 32 - P);
        try this.decode(encode(c)) returns (uint256) {
            check(false, "accepted");
        } catch (bytes memory reason) {
            check(bytes4(reason) == NotCanonical.selector, "another error");
        }
    }

    function test_fuzz_challenges_are_the_chunks_mod_p(uint256 word) external pure {
        uint256[5] memory c;
        for (uint256 i = 0; i < 5; i++) {
            c[i] = mulmod((word >> (208 - 48 * i)) & (2 ** 48 - 1), R, P);
        }
        checkEq(challengeFromWord(word), pack(c));
    }
}

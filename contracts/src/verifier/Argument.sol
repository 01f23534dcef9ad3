// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LayerClaimMismatch, RootSumMismatch, ZeroDenominator} from "./Errors.sol";
import {P1, R, fold, isZero, mul, readExtension, scale, sub, subCanonical} from "./Extension.sol";
import {Shape, publicTerms, tableByte} from "./Shape.sol";
import {TAG_GKR_CLAIMS, TAG_GKR_ROOT, TAG_GKR_ROUND, Transcript, answer, challenge, observe} from "./Transcript.sol";

// LogUp-GKR: the sum of multiplicity / fingerprint over all leaves, and its layers (proof system, sections 7 and 12).

/// Reads (p_0, q_0) and demands p_0 / q_0 + (sum of the verifier's own bus terms) = 0 with non-zero denominators: a zero
/// denominator would make the cross-multiplied equation hold for any bus.
function checkRootSum(
    Transcript memory transcript,
    Shape memory shape,
    uint256 position,
    uint256 publicValues,
    uint256 alphaBeta
) pure returns (uint256 end, uint256 numerator, uint256 denominator) {
    numerator = readExtension(position);
    denominator = readExtension(position + 20);
    observe(transcript, TAG_GKR_ROOT, 10, position, 40);
    (uint256 publicNumerator, uint256 publicDenominator) = publicFraction(shape, publicValues, alphaBeta);
    if (isZero(denominator) || isZero(publicDenominator)) revert ZeroDenominator();
    uint256 sum = mul(numerator, publicDenominator) + mul(denominator, publicNumerator);
    if (!isZero(sum)) revert RootSumMismatch();
    end = position + 40;
}

/// (Nm, Dm) = sum over the public terms of multiplicity / (alpha + bus + sum_j beta^j t_j), in Montgomery form, reduced.
function publicFraction(Shape memory shape, uint256 publicValues, uint256 alphaBeta)
    pure
    returns (uint256 numerator, uint256 denominator)
{
    uint256 term = publicTerms(shape);
    denominator = R;
    unchecked {
        for (uint256 i = tableByte(shape, 3); i > 0; i--) {
            uint256 head;
            uint256 fingerprint;
            assembly ("memory-safe") {
                head := mload(term)
                fingerprint := mload(alphaBeta)
            }
            fingerprint += mulmod(head >> 248, R, 0x7f000001);
            bool negative = (head >> 240) & 0xff == 1;
            uint256 entries = (head >> 232) & 0xff;
            term += 4;
            for (uint256 j = 1; j <= entries; j++) {
                uint256 value;
                uint256 power;
                assembly ("memory-safe") {
                    let entry := mload(term)
                    value := shr(224, entry)
                    let index := byte(4, entry)
                    if iszero(eq(index, 255)) {
                        value := addmod(value, shr(224, calldataload(add(publicValues, shl(2, index)))), 0x7f000001)
                    }
                    value := mulmod(value, 0x3fffdfc, 0x7f000001)
                    power := mload(add(alphaBeta, shl(5, j)))
                }
                fingerprint += scale(power, value);
                term += 5;
            }
            fingerprint = fold(fold(fingerprint));
            numerator = mul(numerator, fingerprint);
            numerator = fold(negative ? sub(numerator, denominator) : numerator + denominator);
            denominator = mul(denominator, fingerprint);
        }
    }
}

/// All N layers: from the claim (p, q) at the root to the claim at a random point of the leaves, whose address is `xi`.
function verifyLayers(Transcript memory transcript, uint256 variables, uint256 position, uint256 p, uint256 q)
    pure
    returns (uint256 end, uint256 xi, uint256 numerator, uint256 denominator)
{
    assembly ("memory-safe") {
        xi := mload(0x40)
        mstore(0x40, add(xi, shl(5, variables)))
    }
    unchecked {
        for (uint256 layer = 1; layer <= variables; layer++) {
            // lambda joins the two claims: without it p and q could be wrong by amounts that cancel
            uint256 lambda = challenge(transcript);
            uint256 claim;
            (position, claim) = layerRounds(transcript, layer - 1, position, fold(p + mul(lambda, q)), xi);
            uint256 p0 = readExtension(position);
            uint256 p1 = readExtension(position + 20);
            uint256 q0 = readExtension(position + 40);
            uint256 q1 = readExtension(position + 60);
            observe(transcript, TAG_GKR_CLAIMS, 20, position, 80);
            position += 80;
            // c = (p0 + lambda q0) q1 + p1 q0, all of it times 1 / R
            uint256 expected = mul(q1, p0 + mul(lambda, q0)) + mul(p1, q0);
            if (!isZero(sub(expected, mul(claim, 1)))) revert LayerClaimMismatch(layer);
            uint256 mu = challenge(transcript);
            assembly ("memory-safe") {
                mstore(add(xi, shl(5, sub(layer, 1))), mu)
            }
            p = fold(p0 + mul(mu, subCanonical(p1, p0)));
            q = fold(q0 + mul(mu, subCanonical(q1, q0)));
        }
    }
    return (position, xi, p, q);
}

/// Rounds of one layer: message (d, e) of h(X) = a + d X + e (X^2 - X), a = c - x d, so c = (1 - x) h(0) + x h(1); then
/// h(rho) = c + d (rho - x) + e rho (rho - 1). Coordinate v of `xi` is read as x and replaced by rho.
function layerRounds(Transcript memory transcript, uint256 rounds, uint256 position, uint256 claim, uint256 xi)
    pure
    returns (uint256, uint256)
{
    unchecked {
        for (uint256 place = xi + 32 * rounds; place > xi;) {
            place -= 32;
            uint256 d = readExtension(position);
            uint256 e = readExtension(position + 20);
            uint256 rho = answer(transcript, TAG_GKR_ROUND, 10, position, 40);
            position += 40;
            uint256 x;
            assembly ("memory-safe") {
                x := mload(place)
                mstore(place, rho)
            }
            claim = fold(claim + mul(d, subCanonical(rho, x)) + mul(e, mul(rho, subCanonical(rho, R))));
        }
    }
    return (position, claim);
}

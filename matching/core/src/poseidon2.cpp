// Poseidon2 over KoalaBear, width 16, x^3, 4 + 20 + 4 rounds (rules 3.2), on values in Montgomery form.
// The constants are the published ones of the field (proof-system 3), times 2^32 mod p.
#include "matching/hasher.hpp"

namespace matching {
namespace {

constexpr u32 kPrime = 0x7F000001;
constexpr u32 kPrimeInverse = 0x7EFFFFFF;  // -1/p mod 2^32
constexpr u32 kRSquared = 402124772;       // 2^64 mod p

constexpr u32 kInitial[4][16] = {
    {1614124704, 1884142317, 300655816, 847876302, 1958215768, 1309497572, 158450169, 1646205517, 1880755365, 351226090,
     287057949, 2007407702, 238356786, 852024975, 1319346035, 1328814969},
    {1007661028, 1798452244, 331914158, 974260758, 625311058, 932419861, 1434091277, 583624216, 133212500, 359559822,
     1136108777, 1425043024, 798248640, 177542721, 450741670, 1269505401},
    {1077718852, 1199361360, 506968891, 198604500, 1912331804, 856193140, 1985105208, 2102918133, 112556929, 827971453,
     1843720806, 1310990092, 648092924, 837736348, 1924789996, 213115176},
    {1402192505, 573131608, 2108237289, 1899899662, 1202601967, 897097282, 1630711212, 41410563, 109420968, 660050831,
     1885580012, 1084731576, 1538058899, 1581437082, 659144176, 822546017}};
constexpr u32 kPartial[20] = {317324610, 1434823598, 651841139,  887703466,  2090308983, 652319824,  1462330238,
                              134176620, 2002182634, 1425415099, 1213238951, 561632048,  1774106689, 1923439134,
                              396461146, 309459167,  414288770,  415226705,  1470828402, 565695009};
constexpr u32 kFinal[4][16] = {
    {874415299, 473148568, 1401841756, 1366193399, 2058401052, 958569397, 1725884907, 619650222, 209316903, 1998006884,
     454808502, 1924583965, 1989075539, 1106623613, 612535602, 386263211},
    {324455028, 885292986, 1326532959, 1441422640, 466579986, 17287287, 1149145390, 285845681, 2005910186, 43141911,
     902987030, 1396349394, 1306723488, 1991364255, 243992103, 1401741542},
    {2085300423, 1854207608, 669223462, 114229322, 1459597563, 114920007, 1706491810, 807359200, 1636017202, 1006072702,
     1331346960, 2112251122, 1365286322, 1355429751, 1735269612, 1966723865},
    {1041463517, 381260886, 2101618193, 770154765, 1605357955, 1216623833, 1499178671, 761635590, 829520289, 803575779,
     1834551353, 101556034, 1786430801, 1418571885, 181713165, 1264529099}};
constexpr u32 kDiagonal[16] = {2063597573, 33554430,   67108860,   16777215,  100663290, 134217720,
                               2113929218, 2030043143, 1996488713, 16777216,  536870912, 256,
                               2113929217, 1593835521, 1862270977, 2130706177};

[[gnu::always_inline]] inline u32 add(u32 a, u32 b) {
    u32 sum = a + b;
    u32 reduced = sum - kPrime;
    return reduced < sum ? reduced : sum;  // the smaller of both: p < 2^31, so a wrapped difference is larger
}

// a * b / 2^32 mod p.
[[gnu::always_inline]] inline u32 multiply(u32 a, u32 b) {
    u64 product = static_cast<u64>(a) * b;
    u32 factor = static_cast<u32>(product) * kPrimeInverse;
    u32 high = static_cast<u32>((product + static_cast<u64>(factor) * kPrime) >> 32);
    u32 reduced = high - kPrime;
    return reduced < high ? reduced : high;
}

// A sum of 16 elements: below 2^35; 2^31 = 2^24 - 1 mod p.
[[gnu::always_inline]] inline u32 reduce(u64 x) {
    u64 folded = (x & 0x7FFFFFFF) + (x >> 31) * 0x00FFFFFF;  // below 2^31 + 2^28
    u32 low = static_cast<u32>(folded);
    return low >= kPrime ? low - kPrime : low;
}

[[gnu::always_inline]] inline u32 cube(u32 x) { return multiply(multiply(x, x), x); }

// [[2,3,1,1],[1,2,3,1],[1,1,2,3],[3,1,1,2]] on each four lanes, then the column sums over the four blocks.
[[gnu::always_inline]] inline void mix_external(u32* s) {
    for (int i = 0; i < 16; i += 4) {
        u32 a = s[i], b = s[i + 1], c = s[i + 2], d = s[i + 3];
        u32 ab = add(a, b), cd = add(c, d), all = add(ab, cd);
        s[i] = add(add(all, ab), b);
        s[i + 1] = add(add(all, b), add(c, c));
        s[i + 2] = add(add(all, cd), d);
        s[i + 3] = add(add(all, d), add(a, a));
    }
    for (int j = 0; j < 4; ++j) {
        u32 sum = add(add(s[j], s[j + 4]), add(s[j + 8], s[j + 12]));
        for (int i = j; i < 16; i += 4) s[i] = add(s[i], sum);
    }
}

[[gnu::always_inline]] inline void full_round(u32* s, const u32* constants) {
    for (int i = 0; i < 16; ++i) s[i] = cube(add(s[i], constants[i]));
    mix_external(s);
}

// y_i = sum + d_i * x_i.
[[gnu::always_inline]] inline void partial_round(u32* s, u32 constant) {
    s[0] = cube(add(s[0], constant));
    // s[1..16) do not wait for the cube, so their sum comes first, as a tree.
    u64 wide = (u64{s[1]} + s[2]) + (u64{s[3]} + s[4]) + ((u64{s[5]} + s[6]) + (u64{s[7]} + s[8])) +
               ((u64{s[9]} + s[10]) + (u64{s[11]} + s[12])) + ((u64{s[13]} + s[14]) + s[15]);
    u32 sum = add(reduce(wide), s[0]);
    for (int i = 0; i < 16; ++i) s[i] = add(sum, multiply(kDiagonal[i], s[i]));
}

}  // namespace

void permute(u32* state) {
    u32 s[16];
    for (int i = 0; i < 16; ++i) s[i] = multiply(state[i], kRSquared);
    mix_external(s);
    for (const auto& constants : kInitial) full_round(s, constants);
    for (u32 constant : kPartial) partial_round(s, constant);
    for (const auto& constants : kFinal) full_round(s, constants);
    for (int i = 0; i < 16; ++i) state[i] = multiply(s[i], 1);
}

void absorb_blocks(u32* state, const u8* bytes, u32 blocks) {
    for (u32 block = 0; block < blocks; ++block, bytes += 16) {
        for (u32 i = 0; i < 4; ++i) {
            u32 word = load<u32>(bytes + 4 * i);
            state[2 * i] = word & 0xFFFF;
            state[2 * i + 1] = word >> 16;
        }
        permute(state);
    }
}

void permute_node(u32* state) {
    u32 s[16];
    for (int i = 0; i < 16; ++i) s[i] = state[i];
    permute(s);
    for (int i = 0; i < 8; ++i) state[i] = add(state[i], s[i]);
}

}  // namespace matching

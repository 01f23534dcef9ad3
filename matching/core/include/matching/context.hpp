// An Access offers: read<Record>(index), write<Record>(index), extend_events(bytes) if kEmitsEvents,
// note_withdrawal(index, owner, amount_e6), and fail(), which does not return: the state contradicts itself.
// What every rule of one command shares: the state, the system record, and how far the command has come.
#pragma once

#include "matching/command.hpp"
#include "matching/event.hpp"
#include "matching/system.hpp"

namespace matching {

template <class Access>
struct Context {
    Access& state;
    System& system;
    const Command& command;
    u64 now_ms;
    u32 steps = 0;  // matching steps used by the legs so far
    u32 legs_ok = 0;
    // The position record of the order being placed: it stays until the order is done, even if it becomes empty.
    u32 pinned_account = UINT32_MAX;
    u16 pinned_market = 0;

    template <class Body>
    void emit(const Body& body, Code code = Code::Ok) {
        if constexpr (Access::kEmitsEvents) {
            u8* out = state.extend_events(sizeof(EventHeader) + sizeof(Body));
            store(out,
                  EventHeader{static_cast<u16>(Body::kKind), static_cast<u16>(code), sizeof(Body), system.seq, now_ms});
            store(out + sizeof(EventHeader), body);
        }
    }
};

}  // namespace matching

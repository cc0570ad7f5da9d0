// Owns the hypercalls: a table from their numbers to what is done, and who may ask.
#include "roms/kit/clock.h"
#include "roms/kit/print.h"
#include "roms/kit/variants.h"
#include "roms/loft/disk.h"
#include "roms/loft/events.h"
#include "roms/loft/exits.h"
#include "roms/loft/grants.h"
#include "roms/loft/schedule.h"
#include "roms/loft/switch.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

// A hypercall's arguments, in the order of their registers.
struct Arguments {
  u64 a, b, c, d;
};

i64 nothing(Vcpu&, const Arguments&) { return 0; }

i64 write_console(Vcpu& v, const Arguments& x) {
  char text[page_bytes / 16];
  if (x.b > page_bytes) return refused_bad_argument;
  for (u64 done = 0; done < x.b; done += sizeof text) {
    const u64 piece = smaller(x.b - done, static_cast<u64>(sizeof text));
    if (!read_memory(*v.domain, x.a + done, text, piece)) return refused_bad_argument;
    console_write(*v.domain, text, piece);
  }
  return 0;
}

i64 shut_down(Vcpu& v, const Arguments& x) {
  end_domain(*v.domain, x.a);
  return 0;
}

i64 yield_cpu(Vcpu& v, const Arguments&) {
  v.yields = true;
  return 0;
}

i64 block(Vcpu& v, const Arguments&) {
  const SharedPage* shared = v.domain->shared;
  const bool pending = shared && __atomic_load_n(&shared->pending, __ATOMIC_SEQ_CST) & ~shared->masked;
  if (!pending && !has_something_to_do(v)) v.state = VcpuState::blocked;
  return 0;
}

i64 set_timer_call(Vcpu& v, const Arguments& x) {
  v.wake_time = now() + smaller<u64>(x.a, 1ul << 60);
  return 0;
}

i64 shared_page(Vcpu& v, const Arguments& x) { return set_shared_page(*v.domain, x.a, x.b); }
i64 event_allocate(Vcpu& v, const Arguments& x) { return allocate_port(*v.domain, x.a); }
i64 event_bind(Vcpu& v, const Arguments& x) { return bind_port(*v.domain, x.a, x.b); }
i64 event_send(Vcpu& v, const Arguments& x) {
  if (!is_disk_port(*v.domain, x.a)) return send_event(*v.domain, x.a);
  serve_disk(*v.domain);
  return 0;
}
i64 grant_table(Vcpu& v, const Arguments& x) { return set_grant_table(*v.domain, x.a); }
i64 grant_map(Vcpu& v, const Arguments& x) { return map_grant(*v.domain, x.a, x.b, x.c, x.d); }
i64 grant_unmap(Vcpu& v, const Arguments& x) { return unmap_grant(*v.domain, x.a); }

i64 store_write(Vcpu& v, const Arguments& x) {
  if (x.a >= most_slots) return refused_bad_argument;
  v.domain->slots[x.a] = x.b;
  if (variants.inside && (x.a == slot_disk_grant || x.a == slot_disk_port))
    connect_disk(*v.domain);
  else
    set_pending(domain(0), 1);
  return 0;
}

i64 store_read(Vcpu& v, const Arguments& x) {
  const Domain* d = find_domain(x.a, *v.domain);
  if (!d) return refused_not_there;
  return x.b < most_slots ? static_cast<i64>(d->slots[x.b]) : refused_bad_argument;
}

i64 start_processor(Vcpu& v, const Arguments& x) {
  if (x.a >= most_vcpus) return refused_bad_argument;
  Vcpu& other = v.domain->vcpus[x.a];
  if (other.state != VcpuState::off) return refused_not_allowed;
  other.domain = v.domain;
  other.number = static_cast<u32>(x.a);
  start_vcpu_like(other, v, x.b, x.c);
  kick_for(0);
  return 0;
}

// From here on the control domain's own.
i64 create(Vcpu&, const Arguments& x) {
  Domain* d = create_domain(x.a, false);
  if (!d) return refused_no_room;
  d->has_serial = x.b & domain_has_serial;
  d->hyperv.shown = x.b & domain_sees_hyperv;
  return d->number;
}

// A domain that the control domain may do something to: any but itself.
Domain* other_domain(u64 number) {
  return number > 0 && number < most_domains && domain(number).exists ? &domain(number) : nullptr;
}

i64 write_domain(Vcpu& v, const Arguments& x) {
  Domain* d = other_domain(x.a);
  if (!d) return refused_not_there;
  u8 bytes[512];
  for (u64 done = 0; done < x.d; done += sizeof bytes) {
    const u64 piece = smaller(x.d - done, static_cast<u64>(sizeof bytes));
    if (!read_memory(*v.domain, x.c + done, bytes, piece) || !write_memory(*d, x.b + done, bytes, piece))
      return refused_bad_argument;
  }
  return 0;
}

i64 start(Vcpu& v, const Arguments& x) {
  Domain* d = other_domain(x.a);
  if (!d) return refused_not_there;
  if (d->state != domain_building) return refused_not_allowed;
  d->state = domain_running;
  d->vcpus[0].domain = d;
  start_vcpu(d->vcpus[0], x.b, x.c);
  if (Failure f = vmptrld(v.vmcs)) stop("VMPTRLD failed: ", f);
  kick_for(0);
  return 0;
}

i64 destroy(Vcpu&, const Arguments& x) {
  Domain* d = other_domain(x.a);
  if (!d) return refused_not_there;
  if (d->state == domain_running || runs_somewhere(*d) || grants_in_use(*d)) return refused_not_allowed;
  release_grants(*d);
  destroy_domain(*d);
  return 0;
}

i64 state(Vcpu&, const Arguments& x) {
  const Domain* d = other_domain(x.a);
  return d ? static_cast<i64>(d->state | d->end_reason << 8) : refused_not_there;
}

i64 set_weight(Vcpu&, const Arguments& x) {
  Domain* d = other_domain(x.a);
  if (!d) return refused_not_there;
  if (x.b == 0 || x.b > 65536) return refused_bad_argument;
  d->weight = x.b;
  return 0;
}

i64 time_run(Vcpu&, const Arguments& x) {
  const Domain* d = other_domain(x.a);
  if (!d) return refused_not_there;
  u64 sum = 0;
  for (const Vcpu& v : d->vcpus) sum += v.time_run;
  return static_cast<i64>(sum);
}

struct Row {
  u64 number;
  bool control_only;
  i64 (*call)(Vcpu&, const Arguments&);
};
constexpr Row rows[] = {
    {call_nothing, false, nothing},
    {call_console_write, false, write_console},
    {call_shutdown, false, shut_down},
    {call_yield, false, yield_cpu},
    {call_set_shared_page, false, shared_page},
    {call_block, false, block},
    {call_event_allocate, false, event_allocate},
    {call_event_bind, false, event_bind},
    {call_event_send, false, event_send},
    {call_set_timer, false, set_timer_call},
    {call_set_grant_table, false, grant_table},
    {call_grant_map, false, grant_map},
    {call_grant_unmap, false, grant_unmap},
    {call_store_write, false, store_write},
    {call_store_read, false, store_read},
    {call_processor_start, false, start_processor},
    {call_domain_create, true, create},
    {call_domain_write, true, write_domain},
    {call_domain_start, true, start},
    {call_domain_destroy, true, destroy},
    {call_domain_state, true, state},
    {call_domain_weight, true, set_weight},
    {call_domain_time, true, time_run},
};

// Ring 3 may execute VMCALL, too: only the guest's kernel is listened to. CPL is the DPL of SS.
bool from_kernel() { return (vmread(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3) == 0; }

}  // namespace

void handle_hypercall(Vcpu& v) {
  if (!from_kernel()) return inject_exception(6);
  Registers& r = v.registers;
  skip_instruction();
  if (v.domain->hyperv.shown) return hyperv_call(v);
  for (const Row& row : rows) {
    if (row.number != r.rax) continue;
    const Arguments arguments = {r.rdi, r.rsi, r.rdx, r.rcx};
    r.rax = static_cast<u64>(row.control_only && !v.domain->control ? refused_not_allowed
                                                                    : row.call(v, arguments));
    return;
  }
  r.rax = static_cast<u64>(refused_not_there);
}

}  // namespace loft

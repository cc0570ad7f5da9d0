; Owns the checks of A20M# and VMX operation: VMXON refuses while it is low, then it is blocked.
%include "exits_start.inc"
checks_of_exits:
        ; in VMX operation closing the gate changes nothing
        mov dword [0x9f000], 0x11111111
        mov ebx, 0x19f000
        mov dword [rbx], 0x22222222
        in al, 0x92
        mov r12b, al
        and al, ~2
        and al, ~1
        out 0x92, al
        mov eax, [rbx]
        mov r13d, eax
        mov al, r12b
        or al, 2
        and al, ~1
        out 0x92, al
        is "VMX root operation: A20 closed has no effect", r13, 0x22222222
        ; in a guest, too
        controls 0, 0, 0
        mov ebx, 0x19f000
        exits "a guest that closes A20", 18
        in al, 0x92
        and al, ~3
        out 0x92, al
        mov r13d, [rbx]
        here vmcall
        left
        in al, 0x92
        or al, 2
        and al, ~1
        out 0x92, al
        is "does not see it either", r13, 0x22222222
        mov ebx, 0x19f000
        vmclear [address_of_vmcs]
        vmxoff
        ; outside of it, it has
        in al, 0x92
        and al, ~3
        out 0x92, al
        mov r13d, [rbx]
        in al, 0x92
        or al, 2
        and al, ~1
        out 0x92, al
        is "outside of VMX operation it wraps at 1 MiB", r13, 0x11111111
        ; VMXON with A20 closed
        in al, 0x92
        and al, ~3
        out 0x92, al
        faults "VMXON while A20 is closed", GP, 0
        vmxon [address_of_vmxon_region]
        done
        in al, 0x92
        or al, 2
        and al, ~1
        out 0x92, al
        runs "VMXON while it is open"
        vmxon [address_of_vmxon_region]
        done
        finish
image_end

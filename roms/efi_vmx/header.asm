; Owns the header by which UEFI knows the program: PE32+ for x86-64. What follows lies in the file as it lies in memory, so that a file's
; offset is an address minus that of the image, and the ELF file of the same build has the symbols. Nothing in the program
; depends on where it is loaded: there are no relocations. Source: Microsoft, "PE Format".
        bits 64
        section .header progbits alloc noexec nowrite align=4096
        extern start, text_begin, text_size, data_begin, data_size, data_in_file, image_size

page    equ 4096

dos:    db "MZ"
        times 58 db 0
        dd pe - dos                     ; where the PE header is

pe:     db "PE", 0, 0
        dw 0x8664                       ; x86-64
        dw 2                            ; sections
        dd 0, 0, 0                      ; no time, no COFF symbols
        dw sections - optional
        dw 0x0026                       ; executable, line numbers stripped, large addresses

optional:
        dw 0x20b                        ; PE32+
        db 0, 0
        dd text_size
        dd data_size
        dd 0
        dd start
        dd text_begin
        dq 0                            ; linked for address 0, loaded anywhere
        dd page                         ; sections are pages in memory
        dd page                         ; and in the file
        dw 0, 0, 0, 0, 0, 0
        dd 0
        dd image_size
        dd page                         ; bytes of this header
        dd 0
        dw 10                           ; subsystem: EFI application
        dw 0x0100                       ; data is not executable
        dq 0, 0, 0, 0
        dd 0
        dd 16                           ; directories, all empty
        times 16 dq 0

sections:
        db ".text", 0, 0, 0
        dd text_size, text_begin, text_size, text_begin
        dd 0, 0, 0
        dd 0x60000020                   ; code, execute, read
        db ".data", 0, 0, 0
        dd data_size, data_begin, data_in_file, data_begin
        dd 0, 0, 0
        dd 0xc0000040                   ; data, read, write

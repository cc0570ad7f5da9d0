; Owns the checks of VM exits: a piece of guest, and beside it the basic exit reason and the exit qualification. Which reasons are met
; where, and which cannot be met, stands in README.md.
%include "exits_start.inc"
%include "exits_instructions.inc"
%include "exits_events.inc"
%include "exits_memory.inc"

checks_of_exits:
        checks_of_instructions
        checks_of_events
        checks_of_memory
        finish

image_end

// Owns the pins by which a processor reports x87 errors the PC's way, beside #MF.
#pragma once

namespace ringside {

// FERR# goes out of the processor, IGNNE# comes back.
class NumericErrorPins {
 public:
  virtual ~NumericErrorPins() = default;
  virtual void set_ferr(bool asserted) = 0;
  virtual bool ignne() const = 0;
};

}  // namespace ringside

// Owns the list of those who look at one thing at once: how they come and go, and how all of them are told.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace ringside {

// Anybody may attach while the list lives, in any order, and be gone again in any other, also in the middle
// of being told. Who attaches then hears of the next event. Nobody is told twice of one event, however often
// he attached. `Face` is what an observer derives from; it outlives its attachment.
template <class Face>
class Observers {
  struct List {
    std::vector<Face*> faces;  // nullptr: gone while somebody is told
    unsigned telling = 0;

    void remove(Face* face) {
      const auto at = std::find(faces.begin(), faces.end(), face);
      if (at == faces.end()) return;
      if (telling)
        *at = nullptr;
      else
        faces.erase(at);
    }
  };

 public:
  Observers() = default;
  Observers(const Observers&) = delete;
  Observers& operator=(const Observers&) = delete;

  // Attached for as long as it lives. The list may go first.
  class Attachment {
   public:
    Attachment() = default;
    Attachment(Attachment&& other) noexcept
        : list_(std::move(other.list_)), face_(std::exchange(other.face_, nullptr)) {}
    Attachment& operator=(Attachment&& other) noexcept {
      if (this == &other) return *this;
      detach();
      list_ = std::move(other.list_);
      face_ = std::exchange(other.face_, nullptr);
      return *this;
    }
    ~Attachment() { detach(); }

    void detach() {
      if (const std::shared_ptr<List> list = list_.lock()) list->remove(face_);
      list_.reset();
    }

   private:
    friend class Observers;
    Attachment(const std::shared_ptr<List>& list, Face* face) : list_(list), face_(face) {}
    std::weak_ptr<List> list_;
    Face* face_ = nullptr;
  };

  [[nodiscard]] Attachment attach(Face& observer) {
    if (std::find(list_->faces.begin(), list_->faces.end(), &observer) != list_->faces.end()) return {};
    list_->faces.push_back(&observer);
    return {list_, &observer};
  }

  // Whether anybody looks. Ask before an event is put into words: it costs next to nothing.
  explicit operator bool() const { return !list_->faces.empty(); }

  // Calls `call(observer)` for each, in the order in which they attached.
  template <class Call>
  void tell(Call call) const {
    if (!*this) return;
    const Telling telling(*list_);
    for (std::size_t n = 0, all = list_->faces.size(); n < all; ++n) {
      if (Face* const face = list_->faces[n]) call(*face);
    }
  }
  // Everybody is asked, whatever those before said.
  template <class Question>
  bool any(Question question) const {
    bool yes = false;
    tell([&](Face& face) { yes = question(face) || yes; });
    return yes;
  }

 private:
  // The places of those who went meanwhile are closed when nobody is being told any more.
  struct Telling {
    explicit Telling(List& l) : list(l) { ++list.telling; }
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    ~Telling() {
      if (--list.telling == 0) std::erase(list.faces, nullptr);
    }
    List& list;
  };

  std::shared_ptr<List> list_ = std::make_shared<List>();
};

}  // namespace ringside

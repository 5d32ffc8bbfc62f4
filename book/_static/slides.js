/* Keys turn the slides; the address keeps the number, so that a reload stays where it was. */
(function () {
  "use strict";
  const slides = Array.from(document.querySelectorAll("main > section"));
  const forward = ["ArrowRight", "ArrowDown", "PageDown", " "];
  const back = ["ArrowLeft", "ArrowUp", "PageUp"];

  // a figure grows to fill its slide, labels too: 15 px of the page are 24 px of a projector with 1080 lines
  function enlarge() {
    slides.forEach(function (slide) {
      const figures = slide.querySelectorAll(".course-figure, .course-structure");
      if (!figures.length) return;
      const others = Array.from(slide.children).filter(function (part) { return !part.matches(".body, .number"); });
      const used = others.reduce(function (sum, part) { return sum + part.offsetHeight; }, 0);
      const room = window.innerHeight * 0.82 - used;
      slide.style.setProperty("--enlarged", 1);
      const height = Array.from(figures).reduce(function (sum, part) { return sum + part.offsetHeight; }, 0);
      const widest = slide.clientWidth / 640;
      slide.style.setProperty("--enlarged", Math.max(0.8, Math.min(room / height, widest, 2.4)).toFixed(2));
    });
  }

  function mark(number) {
    document.querySelector(".progress").style.width = 100 * (number + 1) / slides.length + "%";
  }

  function current() {
    const tops = slides.map(function (slide) { return Math.abs(slide.getBoundingClientRect().top); });
    return tops.indexOf(Math.min.apply(null, tops));
  }

  function show(number) {
    const slide = slides[Math.max(0, Math.min(slides.length - 1, number))];
    slide.scrollIntoView();
    mark(slides.indexOf(slide));
    if (slide.id) history.replaceState(null, "", "#" + slide.id);
  }

  document.addEventListener("keydown", function (event) {
    const step = forward.includes(event.key) ? 1 : back.includes(event.key) ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    show(current() + step);
  });
  document.addEventListener("scroll", function () { mark(current()); }, {passive: true});
  window.addEventListener("resize", enlarge);
  enlarge();
  mark(current());
})();

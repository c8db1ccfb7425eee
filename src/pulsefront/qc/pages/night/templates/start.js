startTable();
startDrawer();
openFromAddress();
window.addEventListener("hashchange", openFromAddress);
performance.mark("interactive");
